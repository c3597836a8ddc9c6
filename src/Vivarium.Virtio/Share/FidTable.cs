namespace Vivarium.Virtio;

/// <summary>The guest's numbers for files, no more than allowed. Any thread.</summary>
internal sealed class FidTable(int maximum)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<uint, ShareNode> _nodes = [];

    /// <summary>What a number stands for, held until <see cref="ShareNode.Release"/>; null if it stands for nothing.</summary>
    public ShareNode? Acquire(uint fid)
    {
        lock (_gate)
        {
            return _nodes.TryGetValue(fid, out var node) && node.TryAcquire() ? node : null;
        }
    }

    /// <summary>Takes the node over, or closes it and says why not.</summary>
    public int Add(uint fid, ShareNode node)
    {
        bool isFull;
        lock (_gate)
        {
            isFull = _nodes.Count >= maximum;
            if (!isFull && _nodes.TryAdd(fid, node))
            {
                return Errno.None;
            }
        }

        node.Release();
        return isFull ? Errno.TooManyFiles : Errno.Invalid;
    }

    /// <summary>Puts a node in the place of another, or closes it if that is not there any more.</summary>
    public int Replace(uint fid, ShareNode old, ShareNode node)
    {
        bool isReplaced;
        lock (_gate)
        {
            isReplaced = _nodes.TryGetValue(fid, out var present) && ReferenceEquals(present, old);
            if (isReplaced)
            {
                _nodes[fid] = node;
            }
        }

        (isReplaced ? old : node).Release();
        return isReplaced ? Errno.None : Errno.BadFile;
    }

    public int Remove(uint fid)
    {
        ShareNode? node;
        lock (_gate)
        {
            _nodes.Remove(fid, out node);
        }

        node?.Release();
        return node is null ? Errno.BadFile : Errno.None;
    }

    public void Clear()
    {
        ShareNode[] nodes;
        lock (_gate)
        {
            nodes = [.. _nodes.Values];
            _nodes.Clear();
        }

        Array.ForEach(nodes, node => node.Release());
    }

    /// <summary>All there is, while no request is worked on.</summary>
    public IReadOnlyList<KeyValuePair<uint, ShareNode>> List()
    {
        lock (_gate)
        {
            return [.. _nodes];
        }
    }
}
