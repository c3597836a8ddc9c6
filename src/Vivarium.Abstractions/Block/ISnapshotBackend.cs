namespace Vivarium;

/// <summary>
/// A back end that a machine's snapshot can hold, or at least recognise: content of its own goes into the snapshot, and of what it rests on (an
/// image file) the snapshot keeps a stamp. All members need that no request is in flight.
/// </summary>
public interface ISnapshotBackend : IBlockBackend
{
    /// <summary>
    /// Tells whether content that is not in the snapshot is still the same: another stamp is other content. Empty where nothing is known or there is
    /// no such content. After a flush.
    /// </summary>
    string BaseStamp { get; }

    /// <summary>The runs of content that goes into the snapshot, by rising offset, within the disk.</summary>
    IEnumerable<BlockRun> EnumerateOwn();

    /// <summary>Begins to replace the own content and the size by those of a snapshot. Nothing changes before <see cref="IBlockReplacement.Commit"/>.</summary>
    /// <param name="sizeBytes">The size of the disk in the snapshot.</param>
    /// <returns>Null if the disk cannot have that size so.</returns>
    IBlockReplacement? BeginReplace(long sizeBytes);
}

/// <summary>A run of a disk's content.</summary>
/// <param name="OffsetBytes">Where it begins.</param>
/// <param name="LengthBytes">How long it is.</param>
/// <param name="IsZero">Whether it is all zeros; otherwise it has to be read.</param>
public readonly record struct BlockRun(long OffsetBytes, long LengthBytes, bool IsZero);

/// <summary>The content that a disk is going to have. Not thread-safe.</summary>
public interface IBlockReplacement
{
    /// <summary>Takes a run of content over; false if it does not belong there.</summary>
    bool TryWrite(long offsetBytes, ReadOnlySpan<byte> content);

    /// <summary>Takes a run of zeros over; false if it does not belong there.</summary>
    bool TryWriteZeroes(long offsetBytes, long lengthBytes);

    /// <summary>Makes it the disk's content. Cannot fail.</summary>
    void Commit();
}
