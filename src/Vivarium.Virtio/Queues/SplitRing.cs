using Vivarium.Memory;

namespace Vivarium.Virtio;

/// <summary>The split format: descriptor table, available ring, used ring (Virtio 1.2 §2.7).</summary>
internal sealed class SplitRing(GuestMemory memory, QueueLayout layout) : QueueRing(memory, layout)
{
    private const ushort NoInterruptFlag = 1;
    private const int RingHeaderBytes = 4;
    private const int UsedElementBytes = 8;

    /// <summary>Heads that the device has: the driver may not offer one again before it got it back.</summary>
    private readonly bool[] _taken = new bool[layout.Size];
    private ushort _availableIndex;
    private ushort _usedIndex;
    private ushort _signalledIndex;

    public override ulong Position
    {
        get => _availableIndex | ((ulong)_usedIndex << 16) | ((ulong)_signalledIndex << 32);
        set
        {
            _availableIndex = (ushort)value;
            _usedIndex = (ushort)(value >> 16);
            _signalledIndex = (ushort)(value >> 32);
        }
    }

    private ulong UsedEventGpa => Layout.DriverGpa + RingHeaderBytes + (2 * (ulong)Size);

    private ulong AvailableEventGpa => Layout.DeviceGpa + RingHeaderBytes + (UsedElementBytes * (ulong)Size);

    public override string? Check()
    {
        var size = (ulong)Size;
        return !int.IsPow2(Size) ? $"a size of {Size}, which is no power of two"
            : Layout.DescriptorGpa % DescriptorBytes != 0 || Layout.DriverGpa % 2 != 0 || Layout.DeviceGpa % 4 != 0 ? "areas that are not aligned"
            : !Memory.Contains(Layout.DescriptorGpa, size * DescriptorBytes, writable: false)
              || !Memory.Contains(Layout.DriverGpa, RingHeaderBytes + (2 * size) + 2, writable: false)
              || !Memory.Contains(Layout.DeviceGpa, RingHeaderBytes + (UsedElementBytes * size) + 2, writable: true) ? "areas outside guest memory"
            : null;
    }

    /// <summary>Marks a head as taken, for a buffer that a saved state brings; false if it is impossible.</summary>
    public bool TryMarkTaken(ushort head)
    {
        if (head >= Size || _taken[head])
        {
            return false;
        }

        _taken[head] = true;
        return true;
    }

    public override TakeResult TryTake(DescriptorChain chain, out string? fault)
    {
        fault = null;
        if (!Memory.TryRead(Layout.DriverGpa + 2, out ushort available))
        {
            fault = "an available ring outside guest memory";
            return TakeResult.Broken;
        }

        var waiting = (ushort)(available - _availableIndex);
        if (waiting == 0)
        {
            return TakeResult.Empty;
        }

        if (waiting > Size)
        {
            fault = $"an available index that moved by {waiting} in a queue of {Size}";
            return TakeResult.Broken;
        }

        // What the driver wrote before the index must be seen after it.
        Volatile.ReadBarrier();
        if (!Memory.TryRead(Layout.DriverGpa + RingHeaderBytes + (2 * (ulong)(_availableIndex & (Size - 1))), out ushort head) || !TryMarkTaken(head))
        {
            fault = "a head that is no descriptor, or one that is in use";
            return TakeResult.Broken;
        }

        chain.Id = head;
        fault = TakeChain(chain, head);
        if (fault is not null)
        {
            return TakeResult.Broken;
        }

        _availableIndex++;
        return TakeResult.Taken;
    }

    public override void Untake(DescriptorChain chain)
    {
        _taken[chain.Id] = false;
        _availableIndex--;
    }

    public override bool TryGive(DescriptorChain chain, uint writtenBytes)
    {
        _taken[chain.Id] = false;
        var element = Layout.DeviceGpa + RingHeaderBytes + (UsedElementBytes * (ulong)(_usedIndex & (Size - 1)));
        if (!Memory.TryWrite(element, (uint)chain.Id) || !Memory.TryWrite(element + 4, writtenBytes))
        {
            return false;
        }

        // The element before the index that publishes it.
        Volatile.WriteBarrier();
        return Memory.TryWrite(Layout.DeviceGpa + 2, ++_usedIndex);
    }

    public override bool TakeInterruptWish()
    {
        var before = _signalledIndex;
        if (before == _usedIndex)
        {
            return false;
        }

        // The driver sets its wish, then looks at the index; this is the other order.
        Interlocked.MemoryBarrier();
        _signalledIndex = _usedIndex;
        return Layout.HasEventIndex
            ? Memory.TryRead(UsedEventGpa, out ushort wish) && Passes(wish, _usedIndex, before)
            : Memory.TryRead(Layout.DriverGpa, out ushort flags) && (flags & NoInterruptFlag) == 0;
    }

    public override bool RequestKick()
    {
        if (Layout.HasEventIndex)
        {
            Memory.TryWrite(AvailableEventGpa, _availableIndex);
            Interlocked.MemoryBarrier();
        }

        return Memory.TryRead(Layout.DriverGpa + 2, out ushort available) && available != _availableIndex;
    }

    private string? TakeChain(DescriptorChain chain, ushort head)
    {
        var index = head;
        for (var count = 0; count < Size; count++)
        {
            if (!Memory.TryRead(Layout.DescriptorGpa + (index * (ulong)DescriptorBytes), out Descriptor descriptor))
            {
                return "a descriptor table outside guest memory";
            }

            if ((descriptor.Flags & IndirectFlag) != 0)
            {
                return (descriptor.Flags & NextFlag) != 0 ? "a descriptor that is both indirect and linked"
                    : chain.SegmentCount > 0 ? "an indirect descriptor behind others"
                    : TakeIndirect(chain, descriptor.Gpa, descriptor.SizeBytes, linked: true);
            }

            if (chain.Append(descriptor.Gpa, descriptor.SizeBytes, (descriptor.Flags & WriteFlag) != 0) is { } fault)
            {
                return fault;
            }

            if ((descriptor.Flags & NextFlag) == 0)
            {
                return null;
            }

            index = descriptor.Next;
            if (index >= Size)
            {
                return $"a link to descriptor {index} of {Size}";
            }
        }

        return "a chain that loops";
    }
}
