namespace Vivarium.Storage;

/// <content>
/// The way of a cluster from use to freedom: unlinked in memory, no longer referred to on the disk, out of use by every request that began
/// before, counted down, and given back to the host.
/// </content>
internal sealed partial class RefcountStore
{
    private const int ManyUnlinked = 1 << 16;

    private readonly Queue<(long Generation, List<long> Clusters)> _waiting = new();
    private List<long> _unlinked = [];

    /// <summary>Whether so much waits for the tables to be written that they should be.</summary>
    public bool HasManyUnlinked => _unlinked.Count >= ManyUnlinked;

    /// <summary>Whether clusters are on their way to freedom.</summary>
    public bool HasUnlinked => _unlinked.Count > 0 || _waiting.Count > 0;

    /// <summary>One reference to the cluster is gone in memory. It stays untouched until it is gone on the disk.</summary>
    public void Unlink(long cluster) => _unlinked.Add(cluster);

    /// <summary>The tables are durable: nothing on the disk refers to what was unlinked so far.</summary>
    public void TablesAreDurable(OperationEpochs epochs)
    {
        if (_unlinked.Count > 0)
        {
            _waiting.Enqueue((epochs.Generation, _unlinked));
            _unlinked = [];
        }
    }

    /// <summary>Frees what no request can use any more.</summary>
    public async ValueTask ReclaimAsync(OperationEpochs epochs, bool punchesHoles)
    {
        while (_waiting.TryPeek(out var oldest) && (oldest.Generation + 2 <= epochs.Generation || epochs.TryAdvance()))
        {
            if (oldest.Generation + 2 <= epochs.Generation)
            {
                _waiting.Dequeue();
                await FreeAsync(oldest.Clusters, punchesHoles).ConfigureAwait(false);
            }
        }
    }

    private async ValueTask FreeAsync(List<long> clusters, bool punchesHoles)
    {
        clusters.Sort();
        var start = 0L;
        var end = 0L;
        foreach (var cluster in clusters)
        {
            var count = await GetAsync(cluster, _table).ConfigureAwait(false);
            if (count == 0)
            {
                // The image counted it as free while it was used; a check says so.
                continue;
            }

            await SetAsync(cluster, count - 1, _table).ConfigureAwait(false);
            if (count > 1)
            {
                continue;
            }

            _hint = Math.Min(_hint, cluster);
            if (cluster != end)
            {
                await PunchAsync(start, end, punchesHoles).ConfigureAwait(false);
                start = cluster;
            }

            end = cluster + 1;
        }

        await PunchAsync(start, end, punchesHoles).ConfigureAwait(false);
    }

    private async ValueTask PunchAsync(long start, long end, bool punchesHoles)
    {
        if (punchesHoles && end > start)
        {
            await _file.TryPunchHoleAsync(start << _header.ClusterBits, (end - start) << _header.ClusterBits).ConfigureAwait(false);
        }
    }
}
