namespace Vivarium.Storage;

/// <summary>How often each cluster of a file is referred to. Memory comes with use, and is bounded by the file's length.</summary>
internal sealed class ClusterCounts
{
    private const int ChunkBits = 12;
    private const long MostClusters = 1 << 27;

    private readonly int[]?[] _chunks;

    /// <exception cref="DiskImageException">The file is too long.</exception>
    public ClusterCounts(long clusters)
    {
        if (clusters > MostClusters)
        {
            throw new DiskImageException($"The file has {clusters} clusters; a check can count {MostClusters}.");
        }

        Clusters = clusters;
        _chunks = new int[]?[(clusters >> ChunkBits) + 1];
    }

    public long Clusters { get; }

    public int this[long cluster] => cluster < Clusters && _chunks[cluster >> ChunkBits] is { } chunk ? chunk[cluster & ((1 << ChunkBits) - 1)] : 0;

    public void Add(long cluster, int times)
    {
        ref var count = ref (_chunks[cluster >> ChunkBits] ??= new int[1 << ChunkBits])[cluster & ((1 << ChunkBits) - 1)];
        count = (int)Math.Min((long)count + times, int.MaxValue);
    }
}
