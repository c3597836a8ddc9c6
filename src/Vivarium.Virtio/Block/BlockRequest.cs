using System.Runtime.CompilerServices;

namespace Vivarium.Virtio;

/// <summary>
/// One request to a disk, used again and again. Its fields belong to whoever holds the device lock, and to the host's input and output while
/// that runs.
/// </summary>
internal sealed class BlockRequest
{
    private readonly VirtioBlock _owner;
    private readonly Action _onCompleted;
    private ConfiguredValueTaskAwaitable.ConfiguredValueTaskAwaiter _awaiter;

    public BlockRequest(VirtioBlock owner)
    {
        _owner = owner;
        _onCompleted = OnCompleted;
    }

    public Virtqueue Queue { get; private set; } = null!;

    public DescriptorChain Chain { get; private set; } = null!;

    public BlockRequestKind Kind { get; private set; }

    /// <summary>Where the data is on the disk.</summary>
    public long OffsetBytes { get; private set; }

    /// <summary>How many bytes are read or written.</summary>
    public long DataBytes { get; private set; }

    /// <summary>How many of them are done; or how many ranges.</summary>
    public long Position { get; set; }

    /// <summary>How many bytes, or ranges, are under way.</summary>
    public int StepSize { get; set; }

    /// <summary>Whether a write through was flushed, or a flush done.</summary>
    public bool IsFlushed { get; set; }

    /// <summary>Which resizes it came before.</summary>
    public int Epoch { get; set; }

    /// <summary>Why the last step failed.</summary>
    public Exception? Failure { get; set; }

    public List<Memory<byte>> ReadParts { get; } = [];

    public List<ReadOnlyMemory<byte>> WriteParts { get; } = [];

    /// <summary>The ranges of a discard or write-zeroes, in bytes, copied once so that the guest cannot change what was checked.</summary>
    public (long OffsetBytes, long LengthBytes, bool MayUnmap)[] Ranges { get; } = new (long, long, bool)[BlockBits.MaximumRanges];

    public int RangeCount { get; set; }

    public void Begin(Virtqueue queue, DescriptorChain chain)
    {
        Queue = queue;
        Chain = chain;
        RangeCount = 0;
        Rewind();
    }

    public void SetTarget(BlockRequestKind kind, long offsetBytes, long dataBytes)
    {
        Kind = kind;
        OffsetBytes = offsetBytes;
        DataBytes = dataBytes;
    }

    /// <summary>Back to the start: what was done before is done again.</summary>
    public void Rewind()
    {
        Position = 0;
        StepSize = 0;
        IsFlushed = false;
        Failure = null;
    }

    /// <summary>Lets go of the guest's memory.</summary>
    public void Release()
    {
        ReadParts.Clear();
        WriteParts.Clear();
        Chain = null!;
        Queue = null!;
        Failure = null;
    }

    public void Await(ValueTask task)
    {
        _awaiter = task.ConfigureAwait(false).GetAwaiter();
        _awaiter.UnsafeOnCompleted(_onCompleted);
    }

    private void OnCompleted()
    {
        var awaiter = _awaiter;
        _awaiter = default;
        try
        {
            awaiter.GetResult();
        }
        catch (Exception exception)
        {
            Failure = exception;
        }

        _owner.OnStepCompleted(this);
    }
}
