using System.Runtime.InteropServices;
using Iced.Intel;

namespace Vivarium.X86;

/// <summary>A run of instructions of one page as the recompiler takes it: bytes, what Iced made of them, and the interpreter's operations.</summary>
internal sealed unsafe class DecodedRun : IDisposable
{
    /// <summary>Stands for no second page.</summary>
    public const ulong NoPage = ulong.MaxValue;

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

    /// <summary>The bytes of one instruction.</summary>
    public ReadOnlySpan<byte> CodeOf(int i) => _code.AsSpan(Ops[i].PageOffset - (int)(Gpa & 0xFFF), Ops[i].Length);

    /// <summary>Completes it after the operations and instructions were filled in.</summary>
    public void Set(ulong gpa, int count, ReadOnlySpan<byte> code, ulong secondPageGpa = NoPage)
    {
        Gpa = gpa;
        SecondPageGpa = secondPageGpa;
        Count = count;
        EndOffset = (int)(gpa & 0xFFF) + code.Length;
        code.CopyTo(_code);
    }

    public void Dispose() => NativeMemory.Free(Ops);
}
