using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Vivarium.X86;

/// <summary>
/// What every VEX-encoded vector instruction shares: whether it may run, where its operands are, and what its destination keeps.
/// Values have 256 bits; the upper half of a 128-bit one is not defined and never stored.
/// </summary>
internal static unsafe class AvxUnit
{
    private const ulong AvxState = XsaveLayout.SseBit | XsaveLayout.AvxBit;
    private const int FirstShift = 16;
    private const int ThirdShift = 32;

    /// <summary>The checks of Intel SDM Vol. 2A §2.4: #UD without CR4.OSXSAVE or the AVX state in XCR0, #NM for CR0.TS.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Enter(CpuCore core)
    {
        var state = core.State;
        return ((state->Cr4 & ControlBits.Cr4OsXsave) != 0 && (state->Xcr0 & AvxState) == AvxState && (state->Cr0 & ControlBits.Cr0Ts) == 0)
            || Refuse(core);
    }

    /// <summary>The immediate operand of an operation with the offsets of its register in VEX.vvvv and of a further one.</summary>
    public static long Pack(byte immediate, ushort first, ushort third) => immediate | ((long)first << FirstShift) | ((long)third << ThirdShift);

    /// <summary>The register of VEX.vvvv: the first source, or a mask.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T* First<T>(CpuCore core, DecodedOp* op)
        where T : unmanaged => SseUnit.Register<T>(core, (ushort)(op->Immediate >> FirstShift));

    /// <summary>The register named by the immediate byte, or the vector of indices.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T* Third<T>(CpuCore core, DecodedOp* op)
        where T : unmanaged => SseUnit.Register<T>(core, (ushort)(op->Immediate >> ThirdShift));

    /// <summary>The source operand, a register or memory of any alignment, as wide as the instruction.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TrySource<TLength>(CpuCore core, DecodedOp* op, out Vector256<byte> value)
        where TLength : struct, IVectorLength
    {
        if (TLength.Is256)
        {
            return SseUnit.TrySource(core, op, out value);
        }

        var done = SseUnit.TrySource(core, op, out Vector128<byte> half);
        value = half.ToVector256Unsafe();
        return done;
    }

    /// <summary>#GP(0) unless the memory operand is aligned to its own size.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool CheckAligned<TLength>(CpuCore core, DecodedOp* op)
        where TLength : struct, IVectorLength =>
        (core.LinearAddress(op) & (TLength.Is256 ? 31UL : 15UL)) == 0 || core.Raise(ExceptionVector.GeneralProtection);

    /// <summary>Writes the destination; a 128-bit result clears the bits above.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Write<TLength>(CpuCore core, DecodedOp* op, Vector256<byte> value)
        where TLength : struct, IVectorLength
    {
        if (TLength.Is256)
        {
            *SseUnit.Destination<Vector256<byte>>(core, op) = value;
        }
        else
        {
            Write(core, op, value.GetLower());
        }
    }

    /// <summary>Writes a 128-bit result, clearing the bits above.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Write(CpuCore core, DecodedOp* op, Vector128<byte> value)
    {
        var destination = SseUnit.Destination<Vector128<byte>>(core, op);
        destination[0] = value;
        destination[1] = Vector128<byte>.Zero;
    }

    /// <summary>Writes a scalar result: the rest of the low half is that of the first source, and the bits above become zero.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void WriteScalar<T>(CpuCore core, DecodedOp* op, T value)
        where T : unmanaged
    {
        var result = *First<Vector128<byte>>(core, op);
        *(T*)&result = value;
        Write(core, op, result);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool Refuse(CpuCore core) =>
        core.Raise((core.State->Cr4 & ControlBits.Cr4OsXsave) == 0 || (core.State->Xcr0 & AvxState) != AvxState
            ? ExceptionVector.InvalidOpcode
            : ExceptionVector.DeviceNotAvailable);
}
