using Iced.Intel;

namespace Vivarium.X86.Tests;

/// <summary>Translates guest bytes as the recompiler does, without a processor, and keeps what came out: in bytes, decoded, by parts.</summary>
internal sealed unsafe class EmittedBlock : IDisposable
{
    public const ulong Gpa = 0x1000;
    private const int CacheBytes = 1 << 20;

    private readonly DecodedRun _run = new();
    private readonly BlockDecoder _decoder = new(CpuModel.Max);
    private readonly BlockTranslator _translator;

    public EmittedBlock()
    {
        _translator = new BlockTranslator { Parts = Map };
    }

    public CodeCache Cache { get; } = new(CacheBytes);

    public CodeMap Map { get; } = new();

    public ulong Start { get; private set; }

    public byte[] Code { get; private set; } = [];

    /// <summary>The host's instructions from the entry to the end.</summary>
    public List<Instruction> Host { get; } = [];

    /// <summary>Guest instructions in it.</summary>
    public int Count => _run.Count;

    public Instruction Guest(int i) => _run.Instructions[i];

    public ReadOnlySpan<byte> GuestBytes(int i) => _run.CodeOf(i);

    /// <summary>The host's instructions of a part.</summary>
    public IEnumerable<Instruction> PartOf(int place)
    {
        var start = (ulong)Map.Places[place].Start;
        var end = place + 1 < Map.Places.Count ? (ulong)Map.Places[place + 1].Start : ulong.MaxValue;
        return Host.Where(instruction => instruction.IP >= start && instruction.IP < end);
    }

    /// <summary>Translates the block at the start of the bytes. False if there is none.</summary>
    public bool Translate(ReadOnlySpan<byte> code, int bits)
    {
        if (!Cache.HasRoom)
        {
            Cache.Empty();
        }

        var mode = DecodeMode.FlatCode | DecodeMode.FlatData | (bits == 64 ? DecodeMode.Code64 : DecodeMode.Code32);
        var count = _decoder.Decode(code, (int)(Gpa & 0xFFF), mode, BlockDecoder.MaxInstructions, _run.Ops, out var length, _run.Instructions);
        _run.Set(Gpa, count, _decoder.Code[..length]);
        if (count == 0)
        {
            return false;
        }

        var block = _translator.Translate(Cache, _run, (TranslationMode)mode | TranslationMode.Vectors | TranslationMode.WideVectors | TranslationMode.X87);
        Start = (ulong)Cache.WritableOf(block.Code);
        Code = new ReadOnlySpan<byte>((byte*)Start, (int)(Cache.Next - (byte*)Start)).ToArray();
        Host.Clear();
        var decoder = Decoder.Create(64, Code, Start);
        while (decoder.IP < Start + (ulong)Code.Length)
        {
            Host.Add(decoder.Decode());
        }

        return true;
    }

    public void Dispose()
    {
        _run.Dispose();
        Cache.Dispose();
    }
}
