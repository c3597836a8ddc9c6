using System.Globalization;
using Iced.Intel;

namespace Vivarium.X86;

/// <summary>Finds and translates the blocks of a <see cref="TranslationDump"/> in a code cache of its own.</summary>
internal sealed unsafe class DumpTranslator : IDisposable
{
    private const int CacheBytes = 4 << 20;
    private const string FlagLetters = "OSZACP";

    private readonly IReadOnlyList<GuestCode> _code;
    private readonly TranslationDumpOptions _options;
    private readonly CodeCache _cache = new(CacheBytes);
    private readonly CodeMap _map = new();
    private readonly DecodedRun _run = new();
    private readonly BlockDecoder _decoder;
    private readonly BlockTranslator _translator;
    private readonly IntelFormatter _formatter = new(new FormatterOptions { HexPrefix = "0x", HexSuffix = null, SpaceAfterOperandSeparator = true, UppercaseHex = true, BranchLeadingZeros = false, ShowBranchSize = false, RipRelativeAddresses = true });
    private readonly StringOutput _output = new();

    public DumpTranslator(IReadOnlyList<GuestCode> code, TranslationDumpOptions options)
    {
        _code = code;
        _options = options;
        _decoder = new BlockDecoder(options.Model ?? CpuModel.Max);
        _translator = new BlockTranslator { Parts = _map };
    }

    private DecodeMode Decoding => DecodeMode.FlatCode | DecodeMode.FlatData | (_options.Bits == 64 ? DecodeMode.Code64 : DecodeMode.Code32);

    /// <summary>With every register file in use, as an ordinary program has it.</summary>
    private TranslationMode Mode => (TranslationMode)Decoding | TranslationMode.Vectors | TranslationMode.WideVectors | TranslationMode.X87;

    public IReadOnlyList<TranslationDumpBlock> Translate(ulong entry, out bool isCut)
    {
        var blocks = new SortedDictionary<ulong, TranslationDumpBlock>();
        var waiting = new Queue<ulong>([entry]);
        isCut = false;
        while (waiting.TryDequeue(out var address))
        {
            if (blocks.ContainsKey(address) || !TryRead(address, out var bytes))
            {
                continue;
            }

            if (blocks.Count == _options.MaxBlocks)
            {
                isCut = true;
                break;
            }

            blocks.Add(address, TranslateBlock(address, bytes));
            foreach (var next in Successors(address))
            {
                waiting.Enqueue(next);
            }
        }

        return [.. blocks.Values];
    }

    public void Dispose()
    {
        _run.Dispose();
        _cache.Dispose();
    }

    /// <summary>The bytes from an address to the end of its page or of its piece.</summary>
    private bool TryRead(ulong address, out ReadOnlySpan<byte> bytes)
    {
        foreach (var piece in _code)
        {
            if (piece.Contains(address))
            {
                bytes = piece.Bytes.Span[(int)(address - piece.Address)..];
                bytes = bytes[..Math.Min(bytes.Length, 4096 - (int)(address & 0xFFF))];
                return true;
            }
        }

        bytes = [];
        return false;
    }

    private TranslationDumpBlock TranslateBlock(ulong address, ReadOnlySpan<byte> bytes)
    {
        var offset = (int)(address & 0xFFF);
        var count = _decoder.Decode(bytes, offset, Decoding, BlockDecoder.MaxInstructions, _run.Ops, out var length, _run.Instructions);
        _run.Set(address, count, _decoder.Code[..length]);
        if (count == 0)
        {
            return new TranslationDumpBlock(address, bytes.Length, 0, [new TranslationDumpPart("An instruction that runs into the next page, or is cut off: it is interpreted.", [])]);
        }

        if (!_cache.HasRoom)
        {
            _cache.Empty();
        }

        var block = _translator.Translate(_cache, _run, Mode, isHot: true);
        var start = _cache.WritableOf(block.Code);
        var lines = new HostListing(_cache, _map).Read(start, _cache.Next);
        return new TranslationDumpBlock(address, length, (int)(_cache.Next - start), [.. Parts(address, start, lines)]);
    }

    private IEnumerable<TranslationDumpPart> Parts(ulong address, byte* start, IReadOnlyList<TranslationDumpLine> lines)
    {
        var parts = new List<TranslationDumpPart>();
        var places = _map.Places;
        var line = 0;
        for (var i = 0; i < places.Count; i++)
        {
            var end = i + 1 < places.Count ? (int)(places[i + 1].Start - (nint)start) : int.MaxValue;
            var host = new List<TranslationDumpLine>();
            while (line < lines.Count && lines[line].Offset < end)
            {
                host.Add(lines[line++]);
            }

            if (host.Count > 0 || places[i].Part == CodePart.Instruction)
            {
                parts.Add(Part(address, places[i], host));
            }
        }

        return parts;
    }

    private TranslationDumpPart Part(ulong address, CodePlace place, List<TranslationDumpLine> host)
    {
        if (place.Part == CodePart.Instruction)
        {
            return new TranslationDumpPart("", host)
            {
                Address = AddressOf(address, place.Number),
                GuestBytes = _run.CodeOf(place.Number).ToArray(),
                GuestText = TextOf(address, place.Number),
                IsInterpreted = place.Kind == LoweringKind.Interpret,
                LiveFlags = new string([.. FlagLetters.Where((_, bit) => (place.LiveFlags >> bit & 1) != 0)]),
            };
        }

        return new TranslationDumpPart(
            place.Part switch
            {
                CodePart.Entry => "entry",
                CodePart.End => "on to the next block",
                CodePart.SlowPath => string.Create(CultureInfo.InvariantCulture, $"slow path of {AddressOf(address, place.Number):X}"),
                _ => string.Create(CultureInfo.InvariantCulture, $"way to {Target(address, place.Number):X}"),
            },
            host);
    }

    private ulong AddressOf(ulong block, int instruction) => (block & ~0xFFFUL) + _run.Ops[instruction].PageOffset;

    /// <summary>An address by its distance from the block's page.</summary>
    private ulong Target(ulong block, long pageOffset)
    {
        var target = (block & ~0xFFFUL) + (ulong)pageOffset;
        return _options.Bits == 64 ? target : (uint)target;
    }

    private string TextOf(ulong block, int instruction)
    {
        // Once more, as the run's instructions have addresses within their page.
        var decoder = Decoder.Create(_options.Bits, _run.CodeOf(instruction).ToArray(), AddressOf(block, instruction), DecoderOptions.ForceReservedNop);
        _formatter.Format(decoder.Decode(), _output);
        return _output.ToStringAndReset();
    }

    /// <summary>Where control may go from the run, as far as its bytes tell.</summary>
    private List<ulong> Successors(ulong block)
    {
        var next = new List<ulong>();
        for (var i = 0; i < _run.Count; i++)
        {
            ref readonly var instruction = ref _run.Instructions[i];
            if (instruction.FlowControl is FlowControl.ConditionalBranch or FlowControl.UnconditionalBranch or FlowControl.Call && instruction.Op0Kind is OpKind.NearBranch32 or OpKind.NearBranch64)
            {
                next.Add(Target(block, _options.Bits == 64 ? (long)instruction.NearBranchTarget : (int)instruction.NearBranchTarget));
            }
        }

        if (_run.Count > 0 && _run.Instructions[_run.Count - 1].FlowControl is not (FlowControl.UnconditionalBranch or FlowControl.IndirectBranch or FlowControl.Return or FlowControl.Exception))
        {
            next.Add(Target(block, _run.EndOffset));
        }

        return next;
    }
}
