namespace Vivarium.Devices;

/// <summary>
/// A vCPU's local APIC (Intel SDM Vol. 3A ch. 11): xAPIC and x2APIC mode, all local interrupts, the timer with TSC deadline.
/// Registers belong to the vCPU's thread; interrupts may come from any thread. The bus clock of the timer is 1 GHz.
/// </summary>
/// <remarks>
/// The parts: <c>Registers</c> and <c>Msr</c> are the vCPU's view, <c>Delivery</c> is how interrupts come in and go on,
/// <c>LocalVectors</c> are LINT0, LINT1 and the error, <c>Timer</c> is the timer.
/// </remarks>
public sealed partial class LocalApic : ILocalApic, IMsrHandler, IStateUnit
{
    private readonly LocalApicSet _set;
    private readonly IVmClock _clock;
    private readonly IVmTimer _timer;
    private readonly bool _isBootstrap;
    private readonly ulong _baseReserved;
    private readonly VectorSet _requests = new();
    private readonly VectorSet _inService = new();
    private readonly VectorSet _triggerModes = new();
    private IVcpuSignals? _signals;
    private ITscSource? _tsc;
    private ulong _apicBase;
    private uint _logicalDestination;
    private uint _destinationFormat;
    private uint _spuriousVector;
    private uint _errors;
    private uint _latchedErrors;
    private ulong _command;
    private byte _taskPriority;

    /// <summary>Creates an APIC in its power-on state and adds it to the machine's set.</summary>
    /// <param name="apicId">Its ID; IDs above 254 can be reached in x2APIC mode only.</param>
    /// <param name="isBootstrap">
    /// Whether its vCPU is the bootstrap processor. That one's LINT0 takes the 8259's interrupts from reset on.
    /// </param>
    /// <param name="set">The machine's APICs.</param>
    /// <param name="clock">The machine's clock.</param>
    /// <param name="physicalAddressBits">The CPU model's physical address width, 32 to 52: APIC base bits above it are reserved.</param>
    /// <exception cref="ArgumentException">The ID is taken.</exception>
    public LocalApic(uint apicId, bool isBootstrap, LocalApicSet set, IVmClock clock, int physicalAddressBits = 40)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(physicalAddressBits, 32);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(physicalAddressBits, 52);
        ApicId = apicId;
        _isBootstrap = isBootstrap;
        _set = set;
        _clock = clock;
        _timer = clock.CreateTimer(OnTimer);
        _baseReserved = ulong.MaxValue << physicalAddressBits | 0x2FF;
        Reset();
        set.Add(this);
    }

    /// <inheritdoc/>
    public uint ApicId { get; }

    /// <inheritdoc/>
    public ulong ApicBase => Volatile.Read(ref _apicBase);

    /// <inheritdoc/>
    public byte TaskPriorityClass
    {
        get => (byte)(_taskPriority >> 4);
        set => SetTaskPriority((byte)(value << 4));
    }

    /// <inheritdoc/>
    public bool HasPendingInterrupt => IsExternalInterruptPending || (IsGloballyEnabled && HighestDeliverable() >= 0);

    /// <summary>The processor priority: the higher class of the task priority and of what is in service.</summary>
    internal byte ProcessorPriority
    {
        get
        {
            var task = Volatile.Read(ref _taskPriority);
            var serving = Math.Max(0, _inService.Highest);
            return task >> 4 >= serving >> 4 ? task : (byte)(serving & 0xF0);
        }
    }

    internal bool IsGloballyEnabled => (ApicBase & ApicBits.BaseEnable) != 0;

    internal bool IsX2Apic => (ApicBase & ApicBits.BaseX2Apic) != 0;

    internal bool IsSoftwareEnabled => (Volatile.Read(ref _spuriousVector) & ApicBits.SpuriousEnable) != 0;

    /// <summary>Names the processor whose interrupts this APIC signals and whose TSC it compares with. Call once, while building.</summary>
    public void Connect(IVcpuSignals signals, ITscSource tsc)
    {
        ArgumentNullException.ThrowIfNull(signals);
        ArgumentNullException.ThrowIfNull(tsc);
        _signals = signals;
        _tsc = tsc;
    }

    /// <inheritdoc/>
    public int AcknowledgeInterrupt()
    {
        if (IsExternalInterruptPending)
        {
            var external = _set.AcknowledgeExternal(this);
            if (external >= 0)
            {
                return external;
            }
        }

        var vector = IsGloballyEnabled ? HighestDeliverable() : -1;
        if (vector >= 0)
        {
            // Into service before out of request, so that another thread never sees neither.
            _inService.Add(vector);
            _requests.Remove(vector);
        }

        return vector;
    }

    /// <summary>The highest request that is more urgent than what the processor does; −1 if there is none.</summary>
    private int HighestDeliverable()
    {
        var vector = _requests.Highest;
        return vector >= 0 && vector >> 4 > ProcessorPriority >> 4 ? vector : -1;
    }

    private void SetTaskPriority(byte value)
    {
        Volatile.Write(ref _taskPriority, value);
        SignalIfPending();
    }

    private void EndOfInterrupt()
    {
        var vector = _inService.Highest;
        if (vector < 0)
        {
            return;
        }

        _inService.Remove(vector);
        if (_triggerModes.Contains(vector))
        {
            EndLevelInterrupt((byte)vector);
            _set.BroadcastEndOfInterrupt((byte)vector);
        }

        SignalIfPending();
    }

    private void SignalIfPending()
    {
        if (HasPendingInterrupt)
        {
            _signals?.SignalInterrupt();
        }
    }
}
