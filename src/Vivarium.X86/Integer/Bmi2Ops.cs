using System.Numerics;
using System.Runtime.Intrinsics.X86;

namespace Vivarium.X86;

/// <summary>
/// BMI2 (T is uint or ulong; Intel SDM Vol. 2). Only BZHI touches flags. The register of VEX.vvvv, or the count of RORX, is in
/// <see cref="DecodedOp.Immediate"/>.
/// </summary>
internal static unsafe class Bmi2Ops<T>
    where T : unmanaged
{
    private const int Rdx = 16;

    /// <summary>Clears the bits from a number on. CF: the number lies beyond the operand.</summary>
    public static bool ZeroHighBits(CpuCore c, DecodedOp* op)
    {
        if (!Operand<T>.TryGetSource(c, op, out var value))
        {
            return false;
        }

        var count = (int)(Register(c, op) & 0xFF);
        var beyond = count >= Width<T>.Bits;
        var r = beyond ? value : value & ((1UL << count) - 1);
        Width<T>.Set(c.State, op->Reg1, r);
        LazyFlags.SetResult<T>(c.State, r, beyond, overflow: false);
        return true;
    }

    /// <summary>MULX: RDX times the source, the low part to VEX.vvvv, then the high part to the first operand.</summary>
    public static bool Multiply(CpuCore c, DecodedOp* op)
    {
        if (!Operand<T>.TryGetSource(c, op, out var b))
        {
            return false;
        }

        var high = Math.BigMul(Width<T>.Get(c.State, Rdx), b, out var low);
        Width<T>.Set(c.State, (int)op->Immediate, low);
        Width<T>.Set(c.State, op->Reg1, sizeof(T) == 8 ? high : low >> 32);
        return true;
    }

    /// <summary>PDEP: the low bits of VEX.vvvv to where the source has ones.</summary>
    public static bool Deposit(CpuCore c, DecodedOp* op)
    {
        if (!Operand<T>.TryGetSource(c, op, out var mask))
        {
            return false;
        }

        var value = Register(c, op);
        Width<T>.Set(c.State, op->Reg1, Bmi2.X64.IsSupported ? Bmi2.X64.ParallelBitDeposit(value, mask) : BitGather.Deposit(value, mask));
        return true;
    }

    /// <summary>PEXT: the bits of VEX.vvvv where the source has ones, together at the bottom.</summary>
    public static bool Extract(CpuCore c, DecodedOp* op)
    {
        if (!Operand<T>.TryGetSource(c, op, out var mask))
        {
            return false;
        }

        var value = Register(c, op);
        Width<T>.Set(c.State, op->Reg1, Bmi2.X64.IsSupported ? Bmi2.X64.ParallelBitExtract(value, mask) : BitGather.Extract(value, mask));
        return true;
    }

    public static bool RotateRight(CpuCore c, DecodedOp* op)
    {
        if (!Operand<T>.TryGetSource(c, op, out var value))
        {
            return false;
        }

        var count = (int)op->Immediate;
        Width<T>.Set(c.State, op->Reg1, sizeof(T) == 8 ? BitOperations.RotateRight(value, count) : BitOperations.RotateRight((uint)value, count));
        return true;
    }

    public static bool ShiftLeft(CpuCore c, DecodedOp* op)
    {
        if (!Operand<T>.TryGetSource(c, op, out var value))
        {
            return false;
        }

        Width<T>.Set(c.State, op->Reg1, value << Count(c, op));
        return true;
    }

    public static bool ShiftRight(CpuCore c, DecodedOp* op)
    {
        if (!Operand<T>.TryGetSource(c, op, out var value))
        {
            return false;
        }

        Width<T>.Set(c.State, op->Reg1, value >> Count(c, op));
        return true;
    }

    public static bool ShiftRightArithmetic(CpuCore c, DecodedOp* op)
    {
        if (!Operand<T>.TryGetSource(c, op, out var value))
        {
            return false;
        }

        Width<T>.Set(c.State, op->Reg1, (ulong)((long)Width<T>.SignExtend(value) >> Count(c, op)));
        return true;
    }

    private static ulong Register(CpuCore c, DecodedOp* op) => Width<T>.Get(c.State, (int)op->Immediate);

    private static int Count(CpuCore c, DecodedOp* op) => (int)Register(c, op) & (Width<T>.Bits - 1);
}
