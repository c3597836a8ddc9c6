using System.Buffers.Binary;

namespace Vivarium.Devices;

/// <summary>
/// KVM's paravirtual interface of one vCPU (Linux Documentation/virt/kvm/x86/msr.rst and hypercalls.rst): clock, wall clock, steal time
/// and the kick of a halted vCPU. Members are called on the vCPU's thread, state unit members with it parked.
/// </summary>
/// <remarks>
/// Every vCPU publishes the clock for guest time 0, and the TSC follows guest time exactly. So the clocks of all vCPUs agree to the
/// nanosecond for as long as the machine lives, across pauses and restores, and nothing needs to be refreshed while it runs.
/// </remarks>
public sealed partial class KvmParavirt : IMsrHandler, IHypercallHandler, IStateUnit
{
    private const uint WallClockMsrOld = 0x11;
    private const uint SystemTimeMsrOld = 0x12;
    private const uint WallClockMsr = 0x4B56_4D00;
    private const uint SystemTimeMsr = 0x4B56_4D01;
    private const uint StealTimeMsr = 0x4B56_4D03;
    private const ulong MsrEnable = 1;
    private const ulong StealTimeReserved = 0x3E;
    private const int StealTimeSizeBytes = 64;

    private const ulong HypercallVapicPollIrq = 1;
    private const ulong HypercallKickCpu = 5;
    private const long UnknownHypercall = -1000;
    private const ulong MinimumTscHz = 1_000_000;

    private readonly int _index;
    private readonly IGuestMemory _memory;
    private readonly IVmClock _clock;
    private readonly ITscSource _tsc;
    private readonly Action<uint> _kick;
    private ulong _wallClock;
    private ulong _systemTime;
    private ulong _stealTime;
    private uint _clockVersion;
    private uint _stealVersion;
    private long _stealNs;
    private long _reportedStealNs;

    /// <summary>Creates the interface of one vCPU.</summary>
    /// <param name="index">The vCPU's number, which names the state unit.</param>
    /// <param name="memory">Guest memory, into which the structures are written.</param>
    /// <param name="clock">The machine's clock.</param>
    /// <param name="tsc">The vCPU's time-stamp counter.</param>
    /// <param name="kick">
    /// Ends the halt of the vCPU with the given APIC ID, by <see cref="IVcpuSignals.SignalKick"/>; unknown IDs do nothing.
    /// </param>
    public KvmParavirt(int index, IGuestMemory memory, IVmClock clock, ITscSource tsc, Action<uint> kick)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(tsc.FrequencyHz, MinimumTscHz);
        _index = index;
        _memory = memory;
        _clock = clock;
        _tsc = tsc;
        _kick = kick;
    }

    /// <inheritdoc/>
    public bool TryReadMsr(uint index, out ulong value)
    {
        switch (index)
        {
            case WallClockMsr or WallClockMsrOld:
                value = _wallClock;
                return true;
            case SystemTimeMsr or SystemTimeMsrOld:
                value = _systemTime;
                return true;
            case StealTimeMsr:
                value = _stealTime;
                return true;
            default:
                value = 0;
                return false;
        }
    }

    /// <inheritdoc/>
    public bool TryWriteMsr(uint index, ulong value)
    {
        switch (index)
        {
            case WallClockMsr or WallClockMsrOld:
                _wallClock = value;
                WriteWallClock();
                return true;
            case SystemTimeMsr or SystemTimeMsrOld:
                _systemTime = value;
                WriteSystemTime();
                return true;
            case StealTimeMsr when (value & StealTimeReserved) == 0:
                _stealTime = value;
                WriteStealTime();
                return true;
            default:
                return false;
        }
    }

    /// <inheritdoc/>
    public long Hypercall(ulong number, ulong argument0, ulong argument1, ulong argument2, ulong argument3)
    {
        switch (number)
        {
            case HypercallVapicPollIrq:
                return 0;
            case HypercallKickCpu:
                _kick((uint)argument1);
                return 0;
            default:
                return UnknownHypercall;
        }
    }

    /// <summary>Tells the guest how long this vCPU was runnable without a worker. Call it while the vCPU is not running.</summary>
    /// <param name="stealNs">The total in this process so far, <see cref="VcpuUsage.StealNs"/>; only its growth counts.</param>
    public void UpdateSteal(long stealNs)
    {
        var growth = stealNs - _reportedStealNs;
        _reportedStealNs = stealNs;
        if (growth > 0)
        {
            _stealNs += growth;
            WriteStealTime();
        }
    }

    /// <summary>
    /// Writes the clock again after the guest set the TSC, which moves the TSC of guest time 0. Called on the vCPU's thread.
    /// </summary>
    public void OnTscChanged() => WriteSystemTime();

    private void WriteWallClock()
    {
        if (_wallClock == 0)
        {
            return;
        }

        // The wall-clock time of guest time 0, to which the guest adds its system time.
        Span<byte> body = stackalloc byte[8];
        BinaryPrimitives.WriteUInt32LittleEndian(body, (uint)(_clock.WallClockBaseNs / 1_000_000_000));
        BinaryPrimitives.WriteUInt32LittleEndian(body[4..], (uint)(_clock.WallClockBaseNs % 1_000_000_000));
        Publish(_wallClock, 0, ReadVersion(_wallClock, 0), body, bodyOffset: 4);
    }

    private void WriteSystemTime()
    {
        if ((_systemTime & MsrEnable) != 0)
        {
            Span<byte> structure = stackalloc byte[PvClock.SizeBytes];
            PvClock.ForFrequency(_tsc.FrequencyHz).Write(structure, _tsc.TscAt(0));
            _clockVersion = Publish(_systemTime & ~MsrEnable, 0, _clockVersion, structure[4..], bodyOffset: 4);
        }
    }

    private void WriteStealTime()
    {
        if ((_stealTime & MsrEnable) != 0)
        {
            // struct kvm_steal_time: u64 steal, u32 version, u32 flags, u8 preempted, padding.
            var address = _stealTime & ~(ulong)(StealTimeSizeBytes - 1);
            Span<byte> steal = stackalloc byte[sizeof(long)];
            BinaryPrimitives.WriteInt64LittleEndian(steal, _stealNs);
            _stealVersion = Publish(address, 8, _stealVersion, steal, bodyOffset: 0);
        }
    }

    private uint ReadVersion(ulong address, uint versionOffset)
    {
        Span<byte> version = stackalloc byte[sizeof(uint)];
        return _memory.TryRead(address + versionOffset, version) ? BinaryPrimitives.ReadUInt32LittleEndian(version) : 0;
    }

    /// <summary>
    /// Writes a structure under the version protocol: odd while it changes, then the next even number. An address that is not RAM, which
    /// is the guest's mistake, gets nothing.
    /// </summary>
    private uint Publish(ulong address, uint versionOffset, uint version, ReadOnlySpan<byte> body, uint bodyOffset)
    {
        var changing = version | 1;
        Span<byte> bytes = stackalloc byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, changing);
        if (!_memory.TryWrite(unchecked(address + versionOffset), bytes))
        {
            return version;
        }

        _memory.TryWrite(unchecked(address + bodyOffset), body);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, unchecked(changing + 1));
        _memory.TryWrite(unchecked(address + versionOffset), bytes);
        return unchecked(changing + 1);
    }
}
