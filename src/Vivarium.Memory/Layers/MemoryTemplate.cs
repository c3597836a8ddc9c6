namespace Vivarium.Memory;

/// <summary>
/// Sealed guest memory from which any number of memories can be forked; its content never changes. Pages are shared with every fork until
/// written. Disposing it is safe while forks live: shared pages go with their last user. Any thread.
/// </summary>
public sealed class MemoryTemplate : IDisposable
{
    private readonly Lock _gate = new();
    private readonly MemoryRegion[] _regions;
    private bool _disposed;

    internal MemoryTemplate(MemoryRegion[] regions)
    {
        _regions = regions;
    }

    /// <summary>Gives up the template's own hold on its pages. Forks go on.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            if (!_disposed)
            {
                _disposed = true;
                foreach (var region in _regions)
                {
                    region.Top.Release();
                }
            }
        }
    }

    /// <summary>New regions over the sealed ones: RAM gets an empty top layer, ROM is shared as it is.</summary>
    internal MemoryRegion[] CreateRegions()
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            return [.. _regions.Select(region => new MemoryRegion(
                region.Gpa,
                region.SizeBytes,
                region.IsRom,
                region.IsRom ? region.Top.AddReference() : new PageStore(region.PageCount, region.Top)))];
        }
    }

    /// <summary>Whether the regions stand at the same addresses with the same sizes and kinds.</summary>
    internal bool HasGeometryOf(MemoryRegion[] regions) =>
        regions.Length == _regions.Length &&
        regions.Zip(_regions).All(pair =>
            pair.First.Gpa == pair.Second.Gpa && pair.First.SizeBytes == pair.Second.SizeBytes && pair.First.IsRom == pair.Second.IsRom);
}
