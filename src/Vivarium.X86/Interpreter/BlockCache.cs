using System.Runtime.InteropServices;
using Vivarium.Memory;

namespace Vivarium.X86;

/// <summary>
/// One vCPU's decoded blocks, found by guest-physical address and mode. Memory is taken from an arena that is emptied as a whole
/// when it is full; blocks of a written page are only unlinked.
/// </summary>
internal sealed unsafe class BlockCache : IDisposable
{
    private const int BucketCount = 1 << 14;
    private const int ChunkBytes = 1 << 20;
    private const int MaxChunks = 12;

    private readonly Block** _buckets;
    private readonly Dictionary<ulong, nint> _pages = [];
    private readonly HashSet<ulong> _crossed = [];
    private readonly TranslatedBytes<(ulong Gpa, DecodeMode Mode)> _bytes;
    private readonly List<nint> _chunks = [];
    private int _chunk = -1;
    private int _used = ChunkBytes;

    public BlockCache()
    {
        _bytes = new TranslatedBytes<(ulong Gpa, DecodeMode Mode)>(key => Find(key.Gpa, key.Mode) != null);

        // SAFETY: freed in Dispose; bucket indices are masked.
        _buckets = (Block**)NativeMemory.AllocZeroed(BucketCount, (nuint)sizeof(Block*));
    }

    /// <summary>Changes whenever blocks are unlinked, so that cached pointers to them are known to be stale.</summary>
    public uint Generation { get; private set; } = 1;

    /// <summary>Finds a block that starts at <paramref name="gpa"/> and was decoded for <paramref name="mode"/>.</summary>
    public Block* Find(ulong gpa, DecodeMode mode)
    {
        for (var block = _buckets[Hash(gpa)]; block != null; block = block->NextInBucket)
        {
            if (block->Gpa == gpa && block->Mode == mode)
            {
                return block;
            }
        }

        return null;
    }

    /// <summary>Whether any block has bytes on the page.</summary>
    public bool HasPage(ulong gpa) => _pages.ContainsKey(gpa >> 12) || _crossed.Contains(gpa >> 12);

    /// <summary>Takes room for a block of <paramref name="operationCount"/> operations, its closing one included. May empty the cache.</summary>
    public Block* Allocate(int operationCount)
    {
        var bytes = sizeof(Block) + (operationCount * sizeof(DecodedOp));
        if (_used + bytes > ChunkBytes)
        {
            NextChunk();
        }

        var block = (Block*)(_chunks[_chunk] + _used);
        _used += bytes;
        *block = default;
        return block;
    }

    /// <summary>Links a filled block, decoded from some bytes.</summary>
    public void Add(Block* block, ReadOnlySpan<byte> code)
    {
        _bytes.Note((block->Gpa, block->Mode), block->Gpa, block->SecondPageGpa, code);
        var bucket = _buckets + Hash(block->Gpa);
        block->NextInBucket = *bucket;
        *bucket = block;
        LinkToPage(block, block->Gpa >> 12);
        if (block->CrossesPage)
        {
            _crossed.Add(block->SecondPageGpa >> 12);
        }
    }

    /// <summary>As <see cref="IExecutionEngine.FindStaleCode"/> says.</summary>
    public ulong? FindStale(GuestMemory memory) => _bytes.FindStale(memory);

    /// <summary>Unlinks every block that has bytes on the page.</summary>
    public void Invalidate(ulong pageGpa)
    {
        if (_pages.Remove(pageGpa >> 12, out var first))
        {
            Generation++;
            for (var block = (Block*)first; block != null; block = block->NextInPage)
            {
                Unlink(block);
            }
        }

        if (_crossed.Remove(pageGpa >> 12))
        {
            Generation++;
            InvalidateCrossing(pageGpa);
        }
    }

    /// <summary>Forgets everything.</summary>
    public void Clear()
    {
        Generation++;
        new Span<nint>(_buckets, BucketCount).Clear();
        _pages.Clear();
        _crossed.Clear();
        _chunk = _chunks.Count > 0 ? 0 : -1;
        _used = _chunks.Count > 0 ? 0 : ChunkBytes;
    }

    public void Dispose()
    {
        foreach (var chunk in _chunks)
        {
            NativeMemory.Free((void*)chunk);
        }

        NativeMemory.Free(_buckets);
    }

    private static int Hash(ulong gpa) => (int)((gpa ^ (gpa >> 14) ^ (gpa >> 28)) & (BucketCount - 1));

    private void LinkToPage(Block* block, ulong page)
    {
        ref var first = ref CollectionsMarshal.GetValueRefOrAddDefault(_pages, page, out _);
        block->NextInPage = (Block*)first;
        first = (nint)block;
    }

    /// <summary>Blocks that start on the page before and run into this one.</summary>
    private void InvalidateCrossing(ulong pageGpa)
    {
        for (var i = 0; i < BucketCount; i++)
        {
            for (var link = &_buckets[i]; *link != null;)
            {
                if ((*link)->CrossesPage && (*link)->SecondPageGpa == (pageGpa & ~0xFFFUL))
                {
                    *link = (*link)->NextInBucket;
                }
                else
                {
                    link = &(*link)->NextInBucket;
                }
            }
        }
    }

    private void Unlink(Block* block)
    {
        for (var link = _buckets + Hash(block->Gpa); *link != null; link = &(*link)->NextInBucket)
        {
            if (*link == block)
            {
                *link = block->NextInBucket;
                return;
            }
        }
    }

    private void NextChunk()
    {
        if (_chunk + 1 == _chunks.Count)
        {
            if (_chunks.Count == MaxChunks)
            {
                Clear();
                return;
            }

            _chunks.Add((nint)NativeMemory.Alloc(ChunkBytes));
        }

        _chunk++;
        _used = 0;
    }
}
