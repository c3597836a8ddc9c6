using Iced.Intel;

namespace Vivarium.X86.Tests;

/// <summary>Translates guest bytes as the recompiler does, without a processor, and keeps what came out: in bytes, decoded, by parts.</summary>
/// <param name="isHot">As code that runs often.</param>
internal sealed unsafe class EmittedBlock(bool isHot) : IDisposable
{
    public const ulong Gpa = 0x1000;
    private const int CacheBytes = 1 << 20;
    private const int PageBytes = 4096;

    private readonly HashSet<ulong> _starts = [];
    private readonly DecodedRun _run = new();
    private readonly BlockDecoder _decoder = new(CpuModel.Max);
    private BlockTranslator? _translator;

    public CodeCache Cache { get; } = new(CacheBytes);

    public CodeMap Map { get; } = new();

    public ulong Start { get; private set; }

    /// <summary>The thunk that calls the interpreter.</summary>
    public nint Interpret => (nint)Cache.Thunks.Interpret;

    public byte[] Code { get; private set; } = [];

    /// <summary>The host's instructions from the entry to the end.</summary>
    public List<Instruction> Host { get; } = [];

    /// <summary>Guest instructions in it.</summary>
    public int Count => _run.Count;

    public Instruction Guest(int i) => _run.Instructions[i];

    public ReadOnlySpan<byte> GuestBytes(int i) => _run.CodeOf(i);

    /// <summary>The host register where a guest register lives in the block, or None.</summary>
    public Register HomeOf(Register guest)
    {
        foreach (var swap in Map.Swaps)
        {
            if (swap.Guest == guest - Register.RAX || swap.Displaced == guest - Register.RAX)
            {
                return swap.Guest == guest - Register.RAX ? Register.RAX + swap.Host : Register.None;
            }
        }

        var home = HostRegister.Of(guest - Register.RAX);
        return home == HostRegister.None ? Register.None : Register.RAX + home;
    }

    /// <summary>Whether a conditional jump closes a round of a loop that another round follows.</summary>
    public bool EndsRound(int i) => _run.EndsRound(i);

    /// <summary>The parts in the order of addresses.</summary>
    public IEnumerable<EmittedPart> Parts()
    {
        var next = 0;
        for (var p = 0; p < Map.Places.Count; p++)
        {
            var place = Map.Places[p];
            var end = p + 1 < Map.Places.Count ? (ulong)Map.Places[p + 1].Start : ulong.MaxValue;
            var first = next;
            while (next < Host.Count && Host[next].IP < end)
            {
                next++;
            }

            yield return new EmittedPart(this, place, place.Part is CodePart.Instruction or CodePart.SiteMiss ? Guest(place.Number) : default, Host.GetRange(first, next - first));
        }
    }

    /// <summary>Where slow paths come back to.</summary>
    public HashSet<ulong> Resumed() =>
        [.. Parts().Where(part => part.Place.Part == CodePart.SlowPath && part.Host[^1].Mnemonic == Mnemonic.Jmp && part.Host.Exists(each => each.Mnemonic == Mnemonic.Call)).Select(part => part.Host[^1].NearBranchTarget)];

    /// <summary>Whether an instruction of the host starts at an address.</summary>
    public bool IsStart(ulong address) => _starts.Contains(address);

    /// <summary>The part that an address is in.</summary>
    public CodePlace PlaceAt(ulong address) => Map.Places.Last(place => (ulong)place.Start <= address);

    /// <summary>Where the code behind a guest instruction starts.</summary>
    public ulong StartBehind(int instruction)
    {
        var place = Map.Places.TakeWhile(place => place.Part != CodePart.Instruction || place.Number != instruction).Count();
        return (ulong)Map.Places[place + 1].Start;
    }

    /// <summary>Translates the block at the start of the bytes, which are at an offset of their page. False if there is none.</summary>
    public bool Translate(ReadOnlySpan<byte> code, int bits, int pageOffset = 0)
    {
        if (!Cache.HasRoom)
        {
            Cache.Empty();
        }

        var mode = DecodeMode.FlatCode | DecodeMode.FlatData | (bits == 64 ? DecodeMode.Code64 : DecodeMode.Code32);
        var count = _decoder.Decode(code, pageOffset, mode, BlockDecoder.MaxInstructions, _run.Ops, out var length, _run.Instructions);
        _run.Set(Gpa + (ulong)pageOffset, count, _decoder.Code[..length], pageOffset + length > PageBytes ? Gpa + PageBytes : DecodedRun.NoPage);
        if (count == 0)
        {
            return false;
        }

        _translator ??= new BlockTranslator { Parts = Map };
        var block = _translator.Translate(Cache, _run, (TranslationMode)mode | TranslationMode.Vectors | TranslationMode.WideVectors | TranslationMode.X87, isHot);
        Start = (ulong)Cache.WritableOf(block.Code);
        Code = new ReadOnlySpan<byte>((byte*)Start, (int)(Cache.Next - (byte*)Start)).ToArray();
        Host.Clear();
        _starts.Clear();
        var decoder = Decoder.Create(64, Code, Start);
        while (decoder.IP < Start + (ulong)Code.Length)
        {
            _starts.Add(decoder.IP);
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
