using Vivarium.Memory;

namespace Vivarium.Virtio;

/// <summary>
/// One queue of a device, in either format (Virtio 1.2 §2.6 to §2.8). The driver's rings are checked as they are read: whatever is malformed
/// breaks the queue for good, until the device is reset, and the device asks for that (DEVICE_NEEDS_RESET). Call with the device lock held.
/// </summary>
public sealed class Virtqueue
{
    private readonly VirtioDevice _device;
    private readonly Stack<DescriptorChain> _free = new();
    private QueueRing? _ring;

    internal Virtqueue(VirtioDevice device, int index, int maximumSize)
    {
        _device = device;
        Index = index;
        MaximumSize = maximumSize;
        Size = maximumSize;
        Continue = () => device.Work(this);
    }

    /// <summary>Which queue of its device it is.</summary>
    public int Index { get; }

    /// <summary>The most descriptors that the driver may choose.</summary>
    public int MaximumSize { get; }

    /// <summary>How many descriptors the driver chose.</summary>
    public int Size { get; internal set; }

    /// <summary>Whether the driver has enabled it, and it is not broken.</summary>
    public bool IsUsable => _ring is not null && !IsBroken;

    internal ulong DescriptorGpa { get; set; }

    internal ulong DriverGpa { get; set; }

    internal ulong DeviceGpa { get; set; }

    internal bool IsEnabled { get; private set; }

    internal bool IsBroken { get; private set; }

    /// <summary>Whether work on it was posted that has not begun.</summary>
    internal bool IsWorkPosted { get; set; }

    internal Action Continue { get; }

    internal ulong Position => _ring?.Position ?? 0;

    /// <summary>Takes the next buffer that the driver made available; null if there is none, or the queue cannot be used.</summary>
    public DescriptorChain? TryTake()
    {
        if (!IsUsable || !_device.CanUseMemory)
        {
            return null;
        }

        var chain = Rent();
        var result = _ring!.TryTake(chain, out var fault);
        if (result == TakeResult.Taken)
        {
            return chain;
        }

        _free.Push(chain);
        if (result == TakeResult.Broken)
        {
            Break(fault!);
        }

        return null;
    }

    /// <summary>Gives a buffer back to the driver. Interrupts are sent by <see cref="SignalDriver"/>.</summary>
    /// <param name="chain">From <see cref="TryTake"/>; not to be used afterwards.</param>
    /// <param name="writtenBytes">How many bytes were written into it, from its first writable byte on.</param>
    public void Complete(DescriptorChain chain, uint writtenBytes)
    {
        ArgumentNullException.ThrowIfNull(chain);
        if (IsUsable && !_ring!.TryGive(chain, writtenBytes))
        {
            Break("a used ring outside guest memory");
        }

        _free.Push(chain);
    }

    /// <summary>Leaves a buffer in the queue, as if it had not been taken. Of several, the one taken last goes first.</summary>
    /// <param name="chain">From <see cref="TryTake"/>; not to be used afterwards.</param>
    public void Untake(DescriptorChain chain)
    {
        ArgumentNullException.ThrowIfNull(chain);
        if (IsUsable)
        {
            _ring!.Untake(chain);
        }

        _free.Push(chain);
    }

    /// <summary>Interrupts the driver if buffers were given back and it wants to know.</summary>
    public void SignalDriver()
    {
        if (IsUsable && _ring!.TakeInterruptWish())
        {
            _device.Transport?.SignalQueue(Index);
        }
    }

    /// <summary>Takes no more of this queue, and has the device ask for a reset.</summary>
    /// <param name="fault">What the driver did: "a chain that loops".</param>
    public void Break(string fault)
    {
        if (!IsBroken)
        {
            IsBroken = true;
            _device.RequireReset($"queue {Index} has {fault}");
        }
    }

    /// <summary>Asks the driver to kick for the next buffer; true if one is there already.</summary>
    internal bool RequestKick() => IsUsable && _ring!.RequestKick();

    /// <summary>The driver has filled in size and addresses.</summary>
    internal void Enable(ulong features)
    {
        var fault = TryLayOut(features);
        IsEnabled = true;
        if (fault is not null)
        {
            Break(fault);
        }
    }

    /// <summary>The driver takes the queue out of use. What is in flight must be over.</summary>
    internal void Disable()
    {
        _ring = null;
        IsEnabled = false;
    }

    internal void Reset()
    {
        Disable();
        IsBroken = false;
        Size = MaximumSize;
        DescriptorGpa = 0;
        DriverGpa = 0;
        DeviceGpa = 0;
    }

    /// <summary>Brings back what was saved; false if it is impossible.</summary>
    internal bool TryRestore(ulong features, bool isEnabled, bool isBroken, ulong position)
    {
        IsEnabled = isEnabled;
        IsBroken = isBroken;
        if (isEnabled && !isBroken && TryLayOut(features) is not null)
        {
            return false;
        }

        if (_ring is not null)
        {
            _ring.Position = position;
        }

        return true;
    }

    /// <summary>A buffer that was in flight when the state was saved; null if it is impossible.</summary>
    internal DescriptorChain? RestoreChain(ushort id, int ringDescriptors, ReadOnlySpan<DescriptorChain.Segment> segments, int readableCount)
    {
        if (segments.Length > Size || readableCount > segments.Length || _ring switch
        {
            SplitRing split => ringDescriptors != 1 || !split.TryMarkTaken(id),
            PackedRing packed => !packed.TryTakeDescriptors(ringDescriptors),
            _ => true,
        })
        {
            return null;
        }

        var chain = Rent();
        chain.Id = id;
        chain.RingDescriptors = ringDescriptors;
        for (var i = 0; i < segments.Length; i++)
        {
            if (chain.Append(segments[i].Gpa, segments[i].SizeBytes, i >= readableCount) is not null)
            {
                return null;
            }
        }

        return chain;
    }

    private DescriptorChain Rent()
    {
        if (!_free.TryPop(out var chain))
        {
            chain = new DescriptorChain(_device.Memory);
        }

        chain.Clear();
        return chain;
    }

    private string? TryLayOut(ulong features)
    {
        if (Size < 1 || Size > MaximumSize)
        {
            return $"a size of {Size}, not 1 to {MaximumSize}";
        }

        var layout = new QueueLayout(
            Size,
            DescriptorGpa,
            DriverGpa,
            DeviceGpa,
            (features & VirtioFeatures.IndirectDescriptors) != 0,
            (features & VirtioFeatures.EventIndex) != 0);
        QueueRing ring = (features & VirtioFeatures.PackedRing) != 0 ? new PackedRing(_device.Memory, layout) : new SplitRing(_device.Memory, layout);
        var fault = ring.Check();
        _ring = fault is null ? ring : null;
        return fault;
    }
}
