using System.Runtime.InteropServices;
using Iced.Intel;

namespace Vivarium.X86;

/// <summary>
/// A run of instructions as the recompiler takes it: bytes, what Iced made of them, and the interpreter's operations. It lies in one page, or goes
/// on behind direct jumps, also in other pages.
/// </summary>
internal sealed unsafe class DecodedRun : IDisposable
{
    /// <summary>Stands for no second page.</summary>
    public const ulong NoPage = ulong.MaxValue;

    private const int MaxRounds = 8;
    private readonly byte[] _code = new byte[BlockDecoder.MaxInstructions * BlockDecoder.MaxInstructionBytes];
    private readonly ushort[] _starts = new ushort[BlockDecoder.MaxInstructions];
    private readonly short[] _pages = new short[BlockDecoder.MaxInstructions];
    private readonly bool[] _followed = new bool[BlockDecoder.MaxInstructions];
    private int _firstBytes;
    private int _codeBytes;

    public DecodedRun()
    {
        // SAFETY: freed in Dispose; the decoder writes at most one more than its maximum.
        Ops = (DecodedOp*)NativeMemory.AllocZeroed(BlockDecoder.MaxInstructions + 1, (nuint)sizeof(DecodedOp));
    }

    public DecodedOp* Ops { get; }

    public Instruction[] Instructions { get; } = new Instruction[BlockDecoder.MaxInstructions];

    /// <summary>Instructions in it.</summary>
    public int Count { get; private set; }

    /// <summary>Guest-physical address of the first byte.</summary>
    public ulong Gpa { get; private set; }

    /// <summary>The page that a single instruction runs on into, or <see cref="NoPage"/>.</summary>
    public ulong SecondPageGpa { get; private set; } = NoPage;

    /// <summary>Offset of what follows in the page of the last instruction.</summary>
    public int EndOffset { get; private set; }

    /// <summary>Whether a conditional jump leads back to the first instruction.</summary>
    public bool IsLoop => FindRound() != 0;

    /// <summary>How many linear pages behind that of the first instruction another is; less than 0 before it.</summary>
    public int PageOf(int i) => _pages[i];

    /// <summary>Whether instruction <paramref name="i"/> is a jump, conditional or not, and the next one its target.</summary>
    public bool IsFollowed(int i) => i + 1 < Count && _followed[i];

    /// <summary>Whether no jump was followed: all of it is in <see cref="Code"/>.</summary>
    public bool IsOnePiece { get; private set; }

    /// <summary>Whether an instruction at an offset of such a page is among them.</summary>
    public bool Holds(int page, int offset)
    {
        for (var i = 0; i < Count; i++)
        {
            if (_pages[i] == page && Ops[i].PageOffset == offset)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>What names the place of an instruction among all of the run.</summary>
    public int PlaceOf(int i) => (PageOf(i) << 12) + Ops[i].PageOffset;

    /// <summary>Instructions of one round, if it is a loop that was laid out several times; else 0.</summary>
    public int RoundLength { get; private set; }

    /// <summary>Whether a conditional jump goes on to the next round where it would be taken.</summary>
    public bool EndsRound(int i) => RoundLength != 0 && (i + 1) % RoundLength == 0 && i + 1 != Count;

    /// <summary>
    /// If a conditional jump leads back to the first instruction: lays the instructions up to it out again and again, so that several rounds of
    /// the loop become one run. What follows the jump is left to another run. Not if jumps were followed.
    /// </summary>
    public void Unroll()
    {
        var length = FindRound();
        var rounds = Math.Min(MaxRounds, length == 0 ? 0 : BlockDecoder.MaxInstructions / length);
        if (rounds < 2)
        {
            return;
        }

        var round = new ReadOnlySpan<DecodedOp>(Ops, length);
        EndOffset = round[^1].PageOffset + round[^1].Length;
        _firstBytes = EndOffset - (int)(Gpa & 0xFFF);
        for (var k = 1; k < rounds; k++)
        {
            round.CopyTo(new Span<DecodedOp>(Ops + (k * length), length));
            Instructions.AsSpan(0, length).CopyTo(Instructions.AsSpan(k * length));
            _starts.AsSpan(0, length).CopyTo(_starts.AsSpan(k * length));
            _pages.AsSpan(0, length).CopyTo(_pages.AsSpan(k * length));
        }

        RoundLength = length;
        Count = rounds * length;
        Array.Clear(_followed);
    }

    /// <summary>The bytes up to the first jump that was followed, those of a loop that was laid out several times once.</summary>
    public ReadOnlySpan<byte> Code => _code.AsSpan(0, _firstBytes);

    /// <summary>The bytes of one instruction.</summary>
    public ReadOnlySpan<byte> CodeOf(int i) => _code.AsSpan(_starts[i], Ops[i].Length);

    /// <summary>Completes it after the operations and instructions were filled in.</summary>
    public void Set(ulong gpa, int count, ReadOnlySpan<byte> code, ulong secondPageGpa = NoPage)
    {
        Gpa = gpa;
        RoundLength = 0;
        IsOnePiece = true;
        SecondPageGpa = secondPageGpa;
        Count = 0;
        EndOffset = (int)(gpa & 0xFFF);
        _codeBytes = 0;
        Append(0, count, code);
    }

    /// <summary>
    /// Goes on with operations and instructions that were filled in behind the last one, which jumps to them, so many linear pages behind the page of
    /// the first.
    /// </summary>
    public void Append(int page, int count, ReadOnlySpan<byte> code)
    {
        if (Count != 0 && count != 0)
        {
            _followed[Count - 1] = true;
            IsOnePiece = false;
        }

        var start = _codeBytes;
        for (var i = Count; i < Count + count; i++)
        {
            _starts[i] = (ushort)start;
            _pages[i] = (short)page;
            _followed[i] = false;
            start += Ops[i].Length;
        }

        if (Count == 0)
        {
            _firstBytes = code.Length;
        }

        if (count != 0)
        {
            EndOffset = Ops[Count].PageOffset + code.Length;
        }

        code.CopyTo(_code.AsSpan(_codeBytes));
        _codeBytes += code.Length;
        Count += count;
    }

    /// <summary>Drops the instructions behind one of those that were filled in last.</summary>
    public void Cut(int count)
    {
        Count = count;
        EndOffset = Ops[count - 1].PageOffset + Ops[count - 1].Length;
        _codeBytes = _starts[count - 1] + Ops[count - 1].Length;
        _firstBytes = Math.Min(_firstBytes, _codeBytes);
    }

    private int FindRound()
    {
        // Where jumps were followed there is more code than that of the first piece.
        for (var i = 0; i < Count && _codeBytes == _firstBytes; i++)
        {
            if (Instructions[i].IsJccShortOrNear && Ops[i].Code is >= OpCode.JumpO and <= OpCode.JumpNle && Ops[i].Immediate == Ops[0].PageOffset)
            {
                return i + 1;
            }
        }

        return 0;
    }

    public void Dispose() => NativeMemory.Free(Ops);
}
