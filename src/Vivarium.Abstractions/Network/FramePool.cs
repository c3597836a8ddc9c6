namespace Vivarium;

/// <summary>
/// Buffers for frames, in three sizes: ordinary, jumbo, and as large as TCP segmentation makes them. Rents and takes back many at once under
/// one lock, which is what makes it cheaper than a pool of single objects. Any thread.
/// </summary>
public sealed class FramePool
{
    private readonly SizeClass[] _classes;

    /// <summary>Creates a pool that keeps at most about <paramref name="retainedBytes"/> of unused buffers; more are left to the collector.</summary>
    public FramePool(long retainedBytes = 64L << 20)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(retainedBytes);
        _classes = [new(2_032, retainedBytes / 2), new(9_200, retainedBytes / 4), new(EthernetFrame.MaxLengthBytes, retainedBytes / 4)];
    }

    /// <summary>A frame of <paramref name="lengthBytes"/> bytes, undefined, with one reference and no offload.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not 0 to <see cref="EthernetFrame.MaxLengthBytes"/>.</exception>
    public EthernetFrame Rent(int lengthBytes)
    {
        var index = ClassFor(lengthBytes);
        EthernetFrame? frame = null;
        var kind = _classes[index];
        lock (kind.Gate)
        {
            if (kind.Count > 0)
            {
                frame = kind.Free[--kind.Count];
            }
        }

        frame ??= new EthernetFrame(this, index, kind.CapacityBytes);
        frame.Begin(lengthBytes);
        return frame;
    }

    /// <summary>Fills <paramref name="frames"/> with frames of <paramref name="lengthBytes"/> bytes each.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not 0 to <see cref="EthernetFrame.MaxLengthBytes"/>.</exception>
    public void Rent(int lengthBytes, Span<EthernetFrame> frames)
    {
        var index = ClassFor(lengthBytes);
        var kind = _classes[index];
        int taken;
        lock (kind.Gate)
        {
            taken = Math.Min(kind.Count, frames.Length);
            kind.Count -= taken;
            kind.Free.AsSpan(kind.Count, taken).CopyTo(frames);
        }

        for (var i = taken; i < frames.Length; i++)
        {
            frames[i] = new EthernetFrame(this, index, kind.CapacityBytes);
        }

        foreach (var frame in frames)
        {
            frame.Begin(lengthBytes);
        }
    }

    internal void Return(EthernetFrame frame)
    {
        var kind = _classes[frame.SizeClass];
        lock (kind.Gate)
        {
            kind.Keep(frame);
        }
    }

    /// <summary>Gives back one reference of frames that are all of this pool and of one size.</summary>
    internal void Release(ReadOnlySpan<EthernetFrame> frames)
    {
        var kind = _classes[frames[0].SizeClass];
        lock (kind.Gate)
        {
            foreach (var frame in frames)
            {
                if (frame.DropReference())
                {
                    kind.Keep(frame);
                }
            }
        }
    }

    private int ClassFor(int lengthBytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(lengthBytes);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(lengthBytes, EthernetFrame.MaxLengthBytes);
        var index = 0;
        while (_classes[index].CapacityBytes < lengthBytes)
        {
            index++;
        }

        return index;
    }

    private sealed class SizeClass(int capacityBytes, long retainedBytes)
    {
        private readonly int _limit = (int)Math.Min(int.MaxValue / 2, retainedBytes / capacityBytes);

        public Lock Gate { get; } = new();

        public int CapacityBytes { get; } = capacityBytes;

        public EthernetFrame[] Free { get; private set; } = [];

        public int Count { get; set; }

        public void Keep(EthernetFrame frame)
        {
            if (Count == Free.Length)
            {
                if (Count >= _limit)
                {
                    return;
                }

                var larger = new EthernetFrame[Math.Min(_limit, Math.Max(64, Count * 2))];
                Free.CopyTo(larger, 0);
                Free = larger;
            }

            Free[Count++] = frame;
        }
    }
}
