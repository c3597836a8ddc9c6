using System.Buffers;

namespace Vivarium.Devices;

/// <summary>What a disk controller has its back end do.</summary>
internal enum BlockJobKind
{
    Read,
    Write,
    Flush,
    Discard,
    WriteZeroes,
}

/// <summary>How a job ended.</summary>
internal enum BlockJobResult
{
    Ok,

    /// <summary>The back end failed.</summary>
    Failed,

    /// <summary>The guest's buffers are not all RAM, or shorter than the transfer.</summary>
    BadBuffer,

    /// <summary>The controller gave it up, or the machine pauses; it may have been done or not.</summary>
    Abandoned,
}

/// <summary>
/// One request of a disk controller to its back end, in steps of bounded size through a buffer of the host's. Made by
/// <see cref="BlockJobRunner.Rent"/>; all members are used with the device lock held, but for the step on the host.
/// </summary>
internal sealed class BlockJob(BlockJobRunner runner)
{
    private readonly List<Memory<byte>> _readParts = [];
    private readonly List<ReadOnlyMemory<byte>> _writeParts = [];

    /// <summary>The controller's own number for it.</summary>
    public int Tag { get; set; }

    public BlockJobKind Kind { get; set; }

    public IBlockBackend Backend { get; set; } = null!;

    /// <summary>Where on the disk; not used by a discard.</summary>
    public long OffsetBytes { get; set; }

    public long LengthBytes { get; set; }

    /// <summary>Whether a flush follows what was written.</summary>
    public bool IsFlushedAfter { get; set; }

    /// <summary>The guest's buffers, in order.</summary>
    public List<(ulong Gpa, uint SizeBytes)> Segments { get; } = [];

    /// <summary>What is to be discarded or zeroed.</summary>
    public List<(long OffsetBytes, long LengthBytes)> Ranges { get; } = [];

    public Action<BlockJob, BlockJobResult> Completed { get; set; } = null!;

    /// <summary>How many bytes, or ranges, are done.</summary>
    public long Position { get; set; }

    public int StepBytes { get; set; }

    public byte[]? Buffer { get; private set; }

    public bool IsFlushed { get; set; }

    /// <summary>Nobody waits for it any more.</summary>
    public bool IsAbandoned { get; set; }

    public Exception? Failure { get; private set; }

    public bool HasMoved => Kind switch
    {
        BlockJobKind.Read or BlockJobKind.Write => Position >= LengthBytes,
        BlockJobKind.Flush => true,
        _ => Position >= Ranges.Count,
    };

    public bool IsOver => HasMoved && (IsFlushed || !(IsFlushedAfter || Kind == BlockJobKind.Flush));

    public void Clear()
    {
        Segments.Clear();
        Ranges.Clear();
        (Position, StepBytes, OffsetBytes, LengthBytes) = (0, 0, 0, 0);
        (IsFlushed, IsAbandoned, IsFlushedAfter) = (false, false, false);
        Failure = null;
        ReleaseBuffer();
    }

    public void ReleaseBuffer()
    {
        if (Buffer is not null)
        {
            ArrayPool<byte>.Shared.Return(Buffer);
            Buffer = null;
        }
    }

    /// <summary>Chooses the next step and takes what it writes from the guest.</summary>
    /// <returns>False if the guest's buffers cannot be read.</returns>
    public bool PrepareStep(IGuestMemory memory, int maximumBytes)
    {
        StepBytes = 0;
        if (HasMoved || Kind is not (BlockJobKind.Read or BlockJobKind.Write))
        {
            return true;
        }

        Buffer ??= ArrayPool<byte>.Shared.Rent((int)Math.Min(LengthBytes, maximumBytes));
        StepBytes = (int)Math.Min(LengthBytes - Position, Math.Min(maximumBytes, Buffer.Length));
        return Kind == BlockJobKind.Read || GuestBuffers.TryRead(memory, Segments, Position, Buffer.AsSpan(0, StepBytes));
    }

    /// <summary>Begins the step on the host.</summary>
    public ValueTask BeginStep(CancellationToken cancellation)
    {
        if (HasMoved)
        {
            IsFlushed = true;
            return Backend.FlushAsync(cancellation);
        }

        if (Kind is BlockJobKind.Discard or BlockJobKind.WriteZeroes)
        {
            StepBytes = 1;
            var (offset, length) = Ranges[(int)Position];
            return Kind == BlockJobKind.Discard
                ? Backend.DiscardAsync(offset, length, cancellation)
                : Backend.WriteZeroesAsync(offset, length, mayUnmap: true, cancellation);
        }

        if (Kind == BlockJobKind.Read)
        {
            _readParts.Clear();
            _readParts.Add(Buffer.AsMemory(0, StepBytes));
            return Backend.ReadAsync(OffsetBytes + Position, _readParts, cancellation);
        }

        _writeParts.Clear();
        _writeParts.Add(Buffer.AsMemory(0, StepBytes));
        return Backend.WriteAsync(OffsetBytes + Position, _writeParts, cancellation);
    }

    /// <summary>Waits for a step that the host did not finish at once.</summary>
    public async void Await(ValueTask step)
    {
        try
        {
            await step.ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            Failure = exception;
        }

        runner.OnStepCompleted(this);
    }

    /// <summary>The step is over: gives the guest what was read.</summary>
    /// <returns>How the job ended; null if it goes on.</returns>
    public BlockJobResult? EndStep(IGuestMemory memory)
    {
        if (Failure is not null)
        {
            return BlockJobResult.Failed;
        }

        if (Kind == BlockJobKind.Read && !GuestBuffers.TryWrite(memory, Segments, Position, Buffer.AsSpan(0, StepBytes)))
        {
            return BlockJobResult.BadBuffer;
        }

        Position += StepBytes;
        StepBytes = 0;
        return IsOver ? BlockJobResult.Ok : null;
    }

    public void Fail(Exception exception) => Failure = exception;
}
