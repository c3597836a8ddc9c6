namespace Vivarium.Storage;

/// <summary>The file under an image, as the formats see it. Any thread; failures are <see cref="BlockIOException"/>.</summary>
internal interface IDiskFile : IAsyncDisposable
{
    bool IsReadOnly { get; }

    /// <summary>Changes with the content: length and time of the last write. Empty where that is not known.</summary>
    string Stamp => "";

    /// <summary>The end of the file in bytes.</summary>
    long LengthBytes { get; }

    /// <summary>Fills the buffer; beyond the file's end are zeros.</summary>
    ValueTask ReadAsync(long offsetBytes, Memory<byte> buffer, CancellationToken cancellationToken);

    /// <summary>Fills the buffers; beyond the file's end are zeros.</summary>
    ValueTask ReadAsync(long offsetBytes, IReadOnlyList<Memory<byte>> buffers, CancellationToken cancellationToken);

    ValueTask WriteAsync(long offsetBytes, ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken);

    ValueTask WriteAsync(long offsetBytes, IReadOnlyList<ReadOnlyMemory<byte>> buffers, CancellationToken cancellationToken);

    /// <summary>What was written before is durable afterwards. Once it failed it fails for ever: the host may have dropped what it could not write.</summary>
    ValueTask FlushAsync(CancellationToken cancellationToken);

    ValueTask SetLengthAsync(long lengthBytes);

    /// <summary>Gives the range's storage back; it reads as zeros. False where the host cannot.</summary>
    ValueTask<bool> TryPunchHoleAsync(long offsetBytes, long lengthBytes);

    /// <summary>Makes the range read as zeros and keeps its storage. False where the host cannot.</summary>
    ValueTask<bool> TryZeroRangeAsync(long offsetBytes, long lengthBytes);

    /// <summary>How many bytes from the offset on are alike, and whether they are a hole. Where the host cannot tell, all is data.</summary>
    (bool IsHole, long LengthBytes) FindExtent(long offsetBytes);
}
