using System.Runtime.InteropServices;
using Vivarium.Memory;

namespace Vivarium.X86;

/// <summary>
/// What was translated for one machine: code, and what the interpreter needs where it takes over. Everything is under <see cref="Gate"/> but
/// running the code and reading records of running code. When it is full it is emptied as a whole, with every vCPU at a boundary.
/// </summary>
internal sealed unsafe class CodeCache : IDisposable
{
    /// <summary>Code of a block never needs more; asked for before a translation.</summary>
    public const int MaxBlockBytes = 96 * 1024;

    /// <summary>No edge at all.</summary>
    public const int NoEdge = -1;

    /// <summary>Code that was written is given up in pieces of this size, so that it does not count twice as the process's memory.</summary>
    private const int SettledBytes = 1 << 20;
    private const int SettledAgainBytes = 4 << 20;

    /// <summary>The host is asked for memory in pieces of this size, before they are touched: a fault for each page costs more.</summary>
    private const int PreparedBytes = 128 << 10;

    private readonly CodeMemory _memory;
    private readonly PerfMap? _perfMap;
    private readonly RecordCounts _flushedCounts = new();
    private readonly HostMapping _recordMemory;
    private readonly HostMapping _edgeMemory;
    private readonly OpRecord* _records;
    private readonly Edge* _edges;
    private readonly int _recordCapacity;
    private readonly int _edgeCapacity;
    private readonly BlockTable _blocks = new();
    private readonly BlockTable _forgotten = new();
    private readonly Dictionary<ulong, List<BlockKey>> _pages = [];
    private readonly List<TranslatedBlock> _byNumber = [];
    private readonly TranslatedBytes<BlockKey> _bytes;
    private readonly Dictionary<BlockKey, HashSet<int>> _ungrouped = [];
    private readonly int _firstByte;
    private int _used;
    private int _settled;
    private int _preparedCode;
    private long _preparedRecords;
    private int _recordCount;
    private int _edgeCount;

    public CodeCache(int sizeBytes, PerfMap? perfMap = null, int hotSamples = 0)
    {
        HotSamples = hotSamples;
        _perfMap = perfMap;
        _bytes = new TranslatedBytes<BlockKey>(key => _blocks.Find(key) is not null);
        _memory = new CodeMemory(sizeBytes);

        // SAFETY: unmapped in Dispose, after the last vCPU; the host gives memory for the pages that are touched.
        _recordCapacity = sizeBytes / 48;
        _edgeCapacity = sizeBytes / 96;
        _recordMemory = new HostMapping((nuint)_recordCapacity * (nuint)sizeof(OpRecord));
        _edgeMemory = new HostMapping((nuint)_edgeCapacity * (nuint)sizeof(Edge));
        _records = (OpRecord*)_recordMemory.Address;
        _edges = (Edge*)_edgeMemory.Address;
        var assembler = new X64Assembler();
        assembler.Begin(_memory.Writable);
        Thunks = new Thunks(assembler);
        _firstByte = _used = (int)(assembler.Position - _memory.Writable);
    }

    /// <summary>Held while the cache is looked at or changed. A vCPU parks while it waits for it.</summary>
    public Lock Gate { get; } = new();

    /// <summary>Entries of the site TLB.</summary>
    public SiteTable Sites { get; } = new();

    /// <summary>Cells of jumps into other pages that blocks follow.</summary>
    public SeamTable Seams { get; } = new();

    /// <summary>Entry, exit and callbacks, at the start of the cache.</summary>
    public Thunks Thunks { get; }

    /// <summary>Where blocks end because a vCPU may have to stop there.</summary>
    public StopOffsets Stops { get; } = new();

    /// <summary>Counts how often the cache was emptied.</summary>
    public int Generation { get; private set; }

    /// <summary>Samples of a block that make it hot; 0 if all code is.</summary>
    public int HotSamples { get; }

    /// <summary>The interpreter executes what may be imprecise.</summary>
    public bool InterpretsApproximations { get; init; }

    /// <summary>Bytes of code.</summary>
    public int UsedBytes => _used;

    /// <summary>Whether another block fits for sure.</summary>
    public bool HasRoom => _memory.SizeBytes - _used > MaxBlockBytes
        && _recordCapacity - _recordCount > BlockDecoder.MaxInstructions
        && _edgeCapacity - _edgeCount > BlockDecoder.MaxInstructions + 1;

    /// <summary>Where the next block is written.</summary>
    public byte* Next => _memory.Writable + _used;

    public OpRecord* Record(int index) => _records + index;

    /// <summary>Where code in the writable view runs.</summary>
    public nint ExecutableOf(byte* writable) => (nint)(_memory.Executable + (writable - _memory.Writable));

    /// <summary>Offset of code in the cache.</summary>
    public int OffsetOf(byte* writable) => (int)(writable - _memory.Writable);

    /// <summary>Where code at an offset runs.</summary>
    public nint ExecutableAt(int offset) => (nint)(_memory.Executable + offset);

    /// <summary>Where running code is written.</summary>
    public byte* WritableOf(nint executable) => _memory.Writable + (executable - (nint)_memory.Executable);

    /// <summary>Takes a record, which holds what it held when the cache was last emptied: all of it has to be set.</summary>
    public int AddRecord() => _recordCount++;

    /// <summary>Takes an edge whose jump's displacement is at a place in the writable view, and its way out at another; null if it is no jump.</summary>
    public int AddEdge(byte* displacement, byte* wayOut)
    {
        _edges[_edgeCount] = new Edge { Displacement = OffsetOf(displacement), WayOut = wayOut == null ? Edge.NoWayOut : OffsetOf(wayOut), Next = Edge.Unlinked };
        return _edgeCount++;
    }

    /// <summary>Lets an edge's jump lead to a block of the same page.</summary>
    public void Link(int edge, TranslatedBlock target)
    {
        // Another vCPU may have come from there at the same time.
        if (_edges[edge].Next == Edge.Unlinked)
        {
            _edges[edge].Next = target.FirstEdge;
            target.FirstEdge = edge;
            X64Assembler.PatchRelative(_memory.Writable + _edges[edge].Displacement, WritableOf(target.Code));
        }
    }

    public TranslatedBlock? Find(in BlockKey key) => _blocks.Find(key);

    /// <summary>Keeps the code written from <see cref="Next"/> up to <paramref name="end"/> as a block that starts at <paramref name="entry"/>.</summary>
    public TranslatedBlock Add(in BlockKey key, byte* entry, byte* end, int instructions, bool isHot, DecodedRun run, TranslatedBlock[] followed, ExitSamples exits)
    {
        _bytes.Note(key, key.Gpa, key.SecondPageGpa, run.Code);
        var block = new TranslatedBlock(key, ExecutableOf(entry), instructions, isHot) { Image = CodeImage.Of(run), Followed = followed, Exits = exits };
        _byNumber.Add(block);
        _used = (int)(end - _memory.Writable);
        Prepare();
        if (_used - _settled >= 2 * SettledBytes)
        {
            // Older pieces have been patched since.
            var start = _settled % SettledAgainBytes == 0 ? 0 : _settled;
            _settled += SettledBytes;
            _memory.Settle(start, _settled - start);
        }

        _perfMap?.Add(block.Code, (int)(end - entry), FormattableString.Invariant($"guest:{key.Gpa:x}/{(int)key.Mode:x}"));
        if (_blocks.Put(block))
        {
            AddToPage(key.Gpa >> 12, key);
            if (key.SecondPageGpa != DecodedRun.NoPage)
            {
                AddToPage(key.SecondPageGpa >> 12, key);
            }
        }

        return block;
    }

    /// <summary>Has the host give memory for what comes next. Once it has, it does after the cache was emptied.</summary>
    private void Prepare()
    {
        if (_preparedCode < _used + PreparedBytes && _preparedCode + PreparedBytes <= _memory.SizeBytes)
        {
            _memory.Prepare(_preparedCode, PreparedBytes);
            _preparedCode += PreparedBytes;
        }

        var records = (long)_recordCount * sizeof(OpRecord);
        if (_preparedRecords < records + PreparedBytes && _preparedRecords + PreparedBytes <= (long)_recordCapacity * sizeof(OpRecord))
        {
            _recordMemory.Populate((nuint)_preparedRecords, PreparedBytes);
            _preparedRecords += PreparedBytes;
        }
    }

    /// <summary>The number that the next block gets.</summary>
    public int NextBlockNumber => _byNumber.Count;

    public TranslatedBlock BlockAt(int number) => _byNumber[number];

    /// <summary>Page offsets of a block's instructions whose groups are to be checked access by access, or null.</summary>
    public HashSet<int>? Ungrouped(in BlockKey key) => _ungrouped.Count == 0 ? null : _ungrouped.GetValueOrDefault(key);

    /// <summary>From now on those accesses are checked one by one: their span crosses a page time and again.</summary>
    public void Ungroup(TranslatedBlock block, int pageOffset)
    {
        ref var offsets = ref CollectionsMarshal.GetValueRefOrAddDefault(_ungrouped, block.Key, out _);
        (offsets ??= []).Add(pageOffset);
    }

    /// <summary>Who enters <paramref name="block"/> goes on in <paramref name="successor"/>. Every vCPU must be at a boundary or parked.</summary>
    public void Redirect(TranslatedBlock block, TranslatedBlock successor)
    {
        var entry = WritableOf(block.Code);
        *entry = 0xE9;
        X64Assembler.PatchRelative(entry + 1, WritableOf(successor.Code));
        while (block.FirstEdge != NoEdge)
        {
            var edge = block.FirstEdge;
            block.FirstEdge = _edges[edge].Next;
            _edges[edge].Next = Edge.Unlinked;
            Link(edge, successor);
        }
    }

    private void AddToPage(ulong page, in BlockKey key)
    {
        ref var keys = ref CollectionsMarshal.GetValueRefOrAddDefault(_pages, page, out _);
        (keys ??= []).Add(key);
    }

    /// <summary>As <see cref="IExecutionEngine.FindStaleCode"/> says.</summary>
    public ulong? FindStale(GuestMemory memory) => _bytes.FindStale(memory);

    /// <summary>
    /// Forgets the blocks of a page, and lets no other lead to them any more. Their code stays until the cache is emptied, for whoever runs it and
    /// for <see cref="Remember"/>.
    /// </summary>
    public void Invalidate(ulong pageGpa)
    {
        if (_pages.Remove(pageGpa >> 12, out var keys))
        {
            foreach (var key in keys)
            {
                if (_blocks.Remove(key) is { } block && !Unlink(block) && block.Image.CanReturn)
                {
                    _forgotten.Put(block);
                }
            }
        }
    }

    /// <summary>What was translated last for a key and is forgotten; null if there is none that may return.</summary>
    public TranslatedBlock? Forgotten(in BlockKey key) => _forgotten.Find(key);

    /// <summary>A forgotten block is one of the cache again: the guest's code is what it was, and marked as code.</summary>
    public void Remember(TranslatedBlock block, ReadOnlySpan<byte> code)
    {
        _forgotten.Remove(block.Key);
        _blocks.Put(block);
        _bytes.Note(block.Key, block.Key.Gpa, block.Key.SecondPageGpa, code);
        AddToPage(block.Key.Gpa >> 12, block.Key);
    }

    /// <summary>
    /// Edges that lead to a block lead to their ways out again. Others may run them: each is changed in one store. True if others hold the block's
    /// code too, and take the block's being there for that code's being right.
    /// </summary>
    private bool Unlink(TranslatedBlock block)
    {
        var isFollowed = false;
        for (var edge = block.FirstEdge; edge != NoEdge;)
        {
            var (displacement, wayOut, next) = (_edges[edge].Displacement, _edges[edge].WayOut, _edges[edge].Next);
            _edges[edge].Next = Edge.Unlinked;
            if (wayOut == Edge.NoWayOut)
            {
                isFollowed = true;
            }
            else
            {
                X64Assembler.PatchRelative(_memory.Writable + displacement, _memory.Writable + wayOut);
            }

            edge = next;
        }

        block.FirstEdge = NoEdge;
        return isFollowed;
    }

    /// <summary>Forgets every block, but leaves their code for whoever runs it.</summary>
    public void Forget()
    {
        _blocks.Clear();
        _forgotten.Clear();
        _pages.Clear();
    }

    /// <summary>Forgets everything and reuses the room. Every vCPU must be at a boundary or parked.</summary>
    public void Empty()
    {
        Generation++;
        AddCounts(_flushedCounts);
        Forget();
        _byNumber.Clear();
        _ungrouped.Clear();
        Sites.Clear();
        Seams.Clear();
        _used = _firstByte;
        _settled = 0;
        _recordCount = 0;
        _edgeCount = 0;
    }

    /// <summary>How often the interpreter ran each instruction.</summary>
    public RecordCounts Count()
    {
        var counts = new RecordCounts();
        counts.Add(_flushedCounts);
        AddCounts(counts);
        return counts;
    }

    public void Dispose()
    {
        _recordMemory.Dispose();
        _edgeMemory.Dispose();
        _memory.Dispose();
        _perfMap?.Dispose();
    }

    private void AddCounts(RecordCounts counts)
    {
        for (var i = 0; i < _recordCount; i++)
        {
            counts.Add(_records[i]);
        }
    }
}
