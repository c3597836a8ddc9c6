namespace Vivarium.Scheduling;

/// <summary>
/// A binary heap of nodes by deadline in which any node can be moved or removed, so that a guest that re-arms a timer a million times still
/// holds one place. Not thread-safe.
/// </summary>
internal sealed class DeadlineHeap<T>
    where T : DeadlineHeap<T>.Node
{
    private readonly List<T> _nodes = [];

    /// <summary>The node with the earliest deadline, or null.</summary>
    public T? First => _nodes.Count > 0 ? _nodes[0] : null;

    /// <summary>Inserts the node or moves it to its new deadline.</summary>
    public void Set(T node, long deadlineNs)
    {
        if (node.HeapIndex < 0)
        {
            node.HeapIndex = _nodes.Count;
            _nodes.Add(node);
        }

        node.HeapDeadlineNs = deadlineNs;
        SiftDown(SiftUp(node.HeapIndex));
    }

    /// <summary>Removes the node if it is in.</summary>
    public void Remove(T node)
    {
        var index = node.HeapIndex;
        if (index < 0)
        {
            return;
        }

        var last = _nodes[^1];
        _nodes.RemoveAt(_nodes.Count - 1);
        node.HeapIndex = -1;
        node.HeapDeadlineNs = long.MaxValue;
        if (!ReferenceEquals(last, node))
        {
            Place(last, index);
            SiftDown(SiftUp(index));
        }
    }

    private int SiftUp(int index)
    {
        var node = _nodes[index];
        while (index > 0 && node.HeapDeadlineNs < _nodes[(index - 1) / 2].HeapDeadlineNs)
        {
            Place(_nodes[(index - 1) / 2], index);
            index = (index - 1) / 2;
        }

        Place(node, index);
        return index;
    }

    private void SiftDown(int index)
    {
        var node = _nodes[index];
        while ((2 * index) + 1 < _nodes.Count)
        {
            var child = (2 * index) + 1;
            if (child + 1 < _nodes.Count && _nodes[child + 1].HeapDeadlineNs < _nodes[child].HeapDeadlineNs)
            {
                child++;
            }

            if (node.HeapDeadlineNs <= _nodes[child].HeapDeadlineNs)
            {
                break;
            }

            Place(_nodes[child], index);
            index = child;
        }

        Place(node, index);
    }

    private void Place(T node, int index)
    {
        _nodes[index] = node;
        node.HeapIndex = index;
    }

    /// <summary>What a node carries for its heap.</summary>
    internal abstract class Node
    {
        /// <summary>Its deadline; <see cref="long.MaxValue"/> while it is in no heap.</summary>
        public long HeapDeadlineNs { get; set; } = long.MaxValue;

        /// <summary>Its place; −1 while it is in no heap.</summary>
        public int HeapIndex { get; set; } = -1;
    }
}
