using Vivarium.Memory;

namespace Vivarium.X86;

/// <summary>
/// What instruction handlers see of the processor: its state, its operands in memory, and a way to raise a fault. A handler returns true
/// when the instruction completed, false after a fault; on false it must not have changed any state.
/// </summary>
internal sealed unsafe partial class CpuCore
{
    public readonly CpuState* State;

    public CpuCore(CpuState* state)
    {
        State = state;
    }

    /// <summary>Records a fault for the current instruction. Always false, so that handlers can return it.</summary>
    public bool Raise(ExceptionVector vector, uint errorCode = 0) => throw new NotImplementedException();

    /// <summary>Reads the memory operand (1, 2, 4, 8 or 16 bytes, any alignment).</summary>
    public bool TryLoad<T>(DecodedOp* op, out T value)
        where T : unmanaged => throw new NotImplementedException();

    /// <summary>Writes the memory operand (1, 2, 4, 8 or 16 bytes, any alignment).</summary>
    public bool TryStore<T>(DecodedOp* op, T value)
        where T : unmanaged => throw new NotImplementedException();

    /// <summary>Reads a memory operand of any length up to 4,096 bytes, starting <paramref name="offset"/> bytes into it. All or nothing.</summary>
    public bool TryLoadBytes(DecodedOp* op, int offset, Span<byte> destination) => throw new NotImplementedException();

    /// <summary>Writes a memory operand of any length up to 4,096 bytes, starting <paramref name="offset"/> bytes into it. All or nothing.</summary>
    public bool TryStoreBytes(DecodedOp* op, int offset, ReadOnlySpan<byte> source) => throw new NotImplementedException();

    /// <summary>The linear address of the memory operand, segment checks not made: to test alignment.</summary>
    public ulong LinearAddress(DecodedOp* op) => throw new NotImplementedException();

    /// <summary>The offset of the memory operand in its segment (FDP).</summary>
    public ulong EffectiveAddress(DecodedOp* op) => throw new NotImplementedException();

    /// <summary>RIP of the instruction itself (FIP).</summary>
    public ulong InstructionPointer(DecodedOp* op) => State->RipPage + op->PageOffset;

    /// <summary>The legacy FERR# output, for x87 errors while CR0.NE is 0.</summary>
    public void SetFerr(bool level) => throw new NotImplementedException();
}
