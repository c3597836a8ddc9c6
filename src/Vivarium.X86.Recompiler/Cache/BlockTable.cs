using System.Numerics;

namespace Vivarium.X86;

/// <summary>
/// Blocks by their keys, chained through the blocks themselves: a block found costs one line of memory besides its own. A block is in one table at
/// most. Guarded by the cache's gate.
/// </summary>
internal sealed class BlockTable
{
    private const int LeastBuckets = 1 << 12;
    private TranslatedBlock?[] _buckets = new TranslatedBlock?[LeastBuckets];
    private int _count;

    public TranslatedBlock? Find(in BlockKey key)
    {
        var block = _buckets[BucketOf(key)];
        while (block is not null && block.Key != key)
        {
            block = block.NextInTable;
        }

        return block;
    }

    /// <summary>Takes a block in, instead of the one of the same key if there is one. Whether there was none.</summary>
    public bool Put(TranslatedBlock block)
    {
        var isNew = Remove(block.Key) is null;
        if (_count == _buckets.Length)
        {
            Grow();
        }

        _count++;
        Link(block);
        return isNew;
    }

    /// <summary>Takes the block of a key out; null if there is none.</summary>
    public TranslatedBlock? Remove(in BlockKey key)
    {
        ref var bucket = ref _buckets[BucketOf(key)];
        TranslatedBlock? before = null;
        for (var block = bucket; block is not null; before = block, block = block.NextInTable)
        {
            if (block.Key != key)
            {
                continue;
            }

            if (before is null)
            {
                bucket = block.NextInTable;
            }
            else
            {
                before.NextInTable = block.NextInTable;
            }

            block.NextInTable = null;
            _count--;
            return block;
        }

        return null;
    }

    public void Clear()
    {
        Array.Clear(_buckets);
        _count = 0;
    }

    private void Grow()
    {
        var old = _buckets;
        _buckets = new TranslatedBlock?[2 * old.Length];
        foreach (var first in old)
        {
            for (var block = first; block is not null;)
            {
                var next = block.NextInTable;
                Link(block);
                block = next;
            }
        }
    }

    private void Link(TranslatedBlock block)
    {
        ref var bucket = ref _buckets[BucketOf(block.Key)];
        block.NextInTable = bucket;
        bucket = block;
    }

    private int BucketOf(in BlockKey key) => (int)((uint)key.GetHashCode() >> (32 - BitOperations.Log2((uint)_buckets.Length)));
}
