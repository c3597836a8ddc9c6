using System.Runtime.InteropServices;
using Iced.Intel;

namespace Vivarium.X86;

/// <summary>A run of instructions of one page as the recompiler takes it: bytes, what Iced made of them, and the interpreter's operations.</summary>
internal sealed unsafe class DecodedRun : IDisposable
{
    /// <summary>Stands for no second page.</summary>
    public const ulong NoPage = ulong.MaxValue;

    private const int MaxRounds = 8;
    private readonly byte[] _code = new byte[BlockDecoder.MaxInstructions * BlockDecoder.MaxInstructionBytes];

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

    /// <summary>Offset in the page of what follows.</summary>
    public int EndOffset { get; private set; }

    /// <summary>Instructions of one round, if it is a loop that was laid out several times; else 0.</summary>
    public int RoundLength { get; private set; }

    /// <summary>Whether a conditional jump goes on to the next round where it would be taken.</summary>
    public bool EndsRound(int i) => RoundLength != 0 && (i + 1) % RoundLength == 0 && i + 1 != Count;

    /// <summary>
    /// If a conditional jump leads back to the first instruction: lays the instructions up to it out again and again, so that several rounds of
    /// the loop become one run. What follows the jump is left to another run.
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
        for (var k = 1; k < rounds; k++)
        {
            round.CopyTo(new Span<DecodedOp>(Ops + (k * length), length));
            Instructions.AsSpan(0, length).CopyTo(Instructions.AsSpan(k * length));
        }

        RoundLength = length;
        Count = rounds * length;
    }

    /// <summary>All bytes, those of a loop that was laid out several times once.</summary>
    public ReadOnlySpan<byte> Code => _code.AsSpan(0, EndOffset - (int)(Gpa & 0xFFF));

    /// <summary>The bytes of one instruction.</summary>
    public ReadOnlySpan<byte> CodeOf(int i) => _code.AsSpan(Ops[i].PageOffset - (int)(Gpa & 0xFFF), Ops[i].Length);

    /// <summary>Completes it after the operations and instructions were filled in.</summary>
    public void Set(ulong gpa, int count, ReadOnlySpan<byte> code, ulong secondPageGpa = NoPage)
    {
        Gpa = gpa;
        RoundLength = 0;
        SecondPageGpa = secondPageGpa;
        Count = count;
        EndOffset = (int)(gpa & 0xFFF) + code.Length;
        code.CopyTo(_code);
    }

    private int FindRound()
    {
        for (var i = 0; i < Count; i++)
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
