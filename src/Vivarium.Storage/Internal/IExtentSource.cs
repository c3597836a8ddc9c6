namespace Vivarium.Storage;

/// <summary>A back end that knows where its data is, so that copies skip what is not there.</summary>
internal interface IExtentSource
{
    /// <summary>What is at an offset within the disk, and for how many bytes at least (1 or more; it may reach beyond the disk's end).</summary>
    ValueTask<DiskExtent> FindExtentAsync(long offsetBytes, CancellationToken cancellationToken);
}

/// <summary>Bytes of a disk that are alike.</summary>
/// <param name="IsZero">They read as zeros, and no storage need be asked.</param>
/// <param name="IsOwn">They come from this layer and not from one below.</param>
/// <param name="LengthBytes">Their number.</param>
internal readonly record struct DiskExtent(bool IsZero, bool IsOwn, long LengthBytes);
