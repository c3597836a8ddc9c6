using Vivarium.Memory;

namespace Vivarium.Virtio;

/// <summary>The packed format: one ring of descriptors that both sides write, and an event area of each (Virtio 1.2 §2.8).</summary>
internal sealed class PackedRing(GuestMemory memory, QueueLayout layout) : QueueRing(memory, layout)
{
    private const int AvailableShift = 7;
    private const int UsedShift = 15;
    private const ushort EventsDisabled = 1;
    private const ushort EventsAtDescriptor = 2;
    private const int MaximumSize = 1 << 15;

    /// <summary>Descriptors of the ring that the device has taken and not given back.</summary>
    private int _outstanding;
    private int _next;
    private bool _nextWrap = true;
    private int _used;
    private bool _usedWrap = true;

    /// <summary>Descriptors given since the driver's wish for an interrupt was looked at.</summary>
    private int _unsignalled;

    public override ulong Position
    {
        get => (uint)_next | ((ulong)(uint)_used << 16) | (_nextWrap ? 1UL << 32 : 0) | (_usedWrap ? 1UL << 33 : 0) | ((ulong)(uint)_unsignalled << 34);
        set
        {
            _next = (int)(value & 0xFFFF) % Size;
            _used = (int)((value >> 16) & 0xFFFF) % Size;
            _nextWrap = ((value >> 32) & 1) != 0;
            _usedWrap = ((value >> 33) & 1) != 0;
            _unsignalled = (int)((value >> 34) & 0xFFFF);
        }
    }

    public override string? Check() =>
        Size > MaximumSize ? $"a size of {Size}, more than {MaximumSize}"
        : Layout.DescriptorGpa % DescriptorBytes != 0 || Layout.DriverGpa % 4 != 0 || Layout.DeviceGpa % 4 != 0 ? "areas that are not aligned"
        : !Memory.Contains(Layout.DescriptorGpa, (ulong)Size * DescriptorBytes, writable: true)
          || !Memory.Contains(Layout.DriverGpa, 4, writable: false)
          || !Memory.Contains(Layout.DeviceGpa, 4, writable: true) ? "areas outside guest memory"
        : null;

    /// <summary>Counts descriptors as taken, for a buffer that a saved state brings; false if there are too many.</summary>
    public bool TryTakeDescriptors(int count)
    {
        if (count < 1 || count > Size - _outstanding)
        {
            return false;
        }

        _outstanding += count;
        return true;
    }

    public override TakeResult TryTake(DescriptorChain chain, out string? fault)
    {
        fault = null;
        if (!IsAvailable())
        {
            return TakeResult.Empty;
        }

        // The flags that publish a buffer come first; the rest of it is read afterwards.
        Volatile.ReadBarrier();
        var position = _next;
        var wrap = _nextWrap;
        for (var count = 1; ; count++)
        {
            if (count > Size - _outstanding)
            {
                fault = "more descriptors than the ring has: a chain that loops, or one that is in use";
                return TakeResult.Broken;
            }

            if (!Memory.TryRead(Layout.DescriptorGpa + ((ulong)position * DescriptorBytes), out Descriptor descriptor))
            {
                fault = "a ring outside guest memory";
                return TakeResult.Broken;
            }

            position++;
            if (position == Size)
            {
                position = 0;
                wrap = !wrap;
            }

            var flags = descriptor.PackedFlags;
            if ((flags & IndirectFlag) != 0)
            {
                fault = chain.SegmentCount > 0 || (flags & NextFlag) != 0 ? "an indirect descriptor that is linked with others"
                    : TakeIndirect(chain, descriptor.Gpa, descriptor.SizeBytes, linked: false);
            }
            else
            {
                fault = chain.Append(descriptor.Gpa, descriptor.SizeBytes, (flags & WriteFlag) != 0);
            }

            if (fault is not null)
            {
                return TakeResult.Broken;
            }

            if ((flags & NextFlag) == 0)
            {
                chain.Id = descriptor.PackedId;
                chain.RingDescriptors = count;
                break;
            }
        }

        _outstanding += chain.RingDescriptors;
        _next = position;
        _nextWrap = wrap;
        return TakeResult.Taken;
    }

    public override void Untake(DescriptorChain chain)
    {
        _outstanding -= chain.RingDescriptors;
        _next -= chain.RingDescriptors;
        if (_next < 0)
        {
            _next += Size;
            _nextWrap = !_nextWrap;
        }
    }

    public override bool TryGive(DescriptorChain chain, uint writtenBytes)
    {
        var gpa = Layout.DescriptorGpa + ((ulong)_used * DescriptorBytes);
        var flags = (ushort)((_usedWrap ? (1 << AvailableShift) | (1 << UsedShift) : 0) | (chain.WritableBytes > 0 ? WriteFlag : 0));
        if (!Memory.TryWrite(gpa + 8, writtenBytes) || !Memory.TryWrite(gpa + 12, chain.Id))
        {
            return false;
        }

        // Length and ID before the flags that publish them.
        Volatile.WriteBarrier();
        if (!Memory.TryWrite(gpa + 14, flags))
        {
            return false;
        }

        _outstanding -= chain.RingDescriptors;
        _unsignalled = Math.Min(_unsignalled + chain.RingDescriptors, Size);
        _used += chain.RingDescriptors;
        if (_used >= Size)
        {
            _used -= Size;
            _usedWrap = !_usedWrap;
        }

        return true;
    }

    public override bool TakeInterruptWish()
    {
        var given = _unsignalled;
        if (given == 0)
        {
            return false;
        }

        // The driver sets its wish, then looks at the ring; this is the other order.
        Interlocked.MemoryBarrier();
        _unsignalled = 0;
        if (!Memory.TryRead(Layout.DriverGpa, out uint wish))
        {
            return false;
        }

        var flags = (ushort)(wish >> 16) & 3;
        if (flags != EventsAtDescriptor || !Layout.HasEventIndex)
        {
            return flags != EventsDisabled;
        }

        // Offsets of the lap before count from below zero.
        var offset = (int)(wish & 0x7FFF);
        var isThisLap = ((wish & 0x8000) != 0) == _usedWrap;
        return Passes((ushort)(isThisLap ? offset : offset - Size), (ushort)_used, (ushort)(_used - given));
    }

    public override bool RequestKick()
    {
        if (Layout.HasEventIndex)
        {
            Memory.TryWrite(Layout.DeviceGpa, (uint)_next | (_nextWrap ? 0x8000u : 0) | ((uint)EventsAtDescriptor << 16));
            Interlocked.MemoryBarrier();
        }

        return IsAvailable();
    }

    private bool IsAvailable() =>
        Memory.TryRead(Layout.DescriptorGpa + ((ulong)_next * DescriptorBytes) + 14, out ushort flags)
        && ((flags >> AvailableShift) & 1) == (_nextWrap ? 1 : 0)
        && ((flags >> UsedShift) & 1) != (_nextWrap ? 1 : 0);
}
