namespace Vivarium.Storage;

/// <summary>
/// Guest clusters whose new data is being written; the tables do not know it yet. Other changes of these clusters wait for
/// <see cref="Done"/>.
/// </summary>
internal sealed class AllocationInFlight(long first, int count, long hostOffset, bool isReuse)
{
    public long First { get; } = first;

    public int Count { get; } = count;

    public long HostOffset { get; } = hostOffset;

    /// <summary>Whether the clusters were the guest's before and read as zeros.</summary>
    public bool IsReuse { get; } = isReuse;

    /// <summary>Whether what the request leaves of the first cluster is zero in the file already.</summary>
    public bool SkipsHead { get; init; }

    /// <summary>Whether what the request leaves of the last cluster is zero in the file already.</summary>
    public bool SkipsTail { get; init; }

    public TaskCompletionSource Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public bool Overlaps(long cluster, long count) => cluster < First + Count && First < cluster + count;
}
