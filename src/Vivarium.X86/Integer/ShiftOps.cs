using System.Runtime.CompilerServices;

namespace Vivarium.X86;

/// <summary>A shift or rotate by a count that is already masked and not zero.</summary>
internal unsafe interface IShiftOp
{
    /// <summary>Returns the result and sets the flags.</summary>
    static abstract ulong Apply<T>(CpuState* s, ulong value, int count)
        where T : unmanaged;
}

internal readonly unsafe struct ShlOp : IShiftOp
{
    public static ulong Apply<T>(CpuState* s, ulong value, int count)
        where T : unmanaged
    {
        // Counts past the width give zero, and CF is the last bit shifted out, or zero.
        var r = value << count;
        var carry = count <= Width<T>.Bits && ((value >> (Width<T>.Bits - count)) & 1) != 0;
        LazyFlags.SetResult<T>(s, r, carry, ((r & Width<T>.SignBit) != 0) != carry);
        return r;
    }
}

internal readonly unsafe struct ShrOp : IShiftOp
{
    public static ulong Apply<T>(CpuState* s, ulong value, int count)
        where T : unmanaged
    {
        var r = value >> count;

        // For a count of 1 this is the operand's sign; for others, where OF is undefined, it is what processors do.
        LazyFlags.SetResult<T>(s, r, ((value >> (count - 1)) & 1) != 0, (r & (Width<T>.SignBit >> 1)) != 0);
        return r;
    }
}

internal readonly unsafe struct SarOp : IShiftOp
{
    public static ulong Apply<T>(CpuState* s, ulong value, int count)
        where T : unmanaged
    {
        var extended = (long)Width<T>.SignExtend(value);
        var r = (ulong)(extended >> count);
        LazyFlags.SetResult<T>(s, r, ((extended >> (count - 1)) & 1) != 0, overflow: false);
        return r;
    }
}

internal readonly unsafe struct RolOp : IShiftOp
{
    public static ulong Apply<T>(CpuState* s, ulong value, int count)
        where T : unmanaged
    {
        count &= Width<T>.Bits - 1;
        var r = count == 0 ? value : ((value << count) | (value >> (Width<T>.Bits - count))) & Width<T>.Mask;
        var carry = (r & 1) != 0;
        LazyFlags.SetCarryOverflow(s, carry, ((r & Width<T>.SignBit) != 0) != carry);
        return r;
    }
}

internal readonly unsafe struct RorOp : IShiftOp
{
    public static ulong Apply<T>(CpuState* s, ulong value, int count)
        where T : unmanaged
    {
        count &= Width<T>.Bits - 1;
        var r = count == 0 ? value : ((value >> count) | (value << (Width<T>.Bits - count))) & Width<T>.Mask;
        var top = (r & Width<T>.SignBit) != 0;
        LazyFlags.SetCarryOverflow(s, top, top != ((r & (Width<T>.SignBit >> 1)) != 0));
        return r;
    }
}

internal readonly unsafe struct RclOp : IShiftOp
{
    public static ulong Apply<T>(CpuState* s, ulong value, int count)
        where T : unmanaged
    {
        count %= Width<T>.Bits + 1;
        var carry = LazyFlags.Carry(s);
        var r = value;
        if (count != 0)
        {
            var low = ((carry ? 1UL : 0) << (count - 1)) | (count == 1 ? 0 : value >> (Width<T>.Bits + 1 - count));
            carry = ((value >> (Width<T>.Bits - count)) & 1) != 0;
            r = ((count == 64 ? 0 : value << count) | low) & Width<T>.Mask;
        }

        LazyFlags.SetCarryOverflow(s, carry, ((r & Width<T>.SignBit) != 0) != carry);
        return r;
    }
}

internal readonly unsafe struct RcrOp : IShiftOp
{
    public static ulong Apply<T>(CpuState* s, ulong value, int count)
        where T : unmanaged
    {
        count %= Width<T>.Bits + 1;
        var carry = LazyFlags.Carry(s);
        var r = value;
        if (count != 0)
        {
            var high = ((carry ? 1UL : 0) << (Width<T>.Bits - count)) | (count == 1 ? 0 : value << (Width<T>.Bits + 1 - count));
            carry = ((value >> (count - 1)) & 1) != 0;
            r = ((count == 64 ? 0 : value >> count) | high) & Width<T>.Mask;
        }

        LazyFlags.SetCarryOverflow(s, carry, ((r & Width<T>.SignBit) != 0) != ((r & (Width<T>.SignBit >> 1)) != 0));
        return r;
    }
}

/// <summary>Shifts and rotates of a register or memory by an immediate or CL (Intel SDM Vol. 2, SAL/SAR/SHL/SHR, RCL/RCR/ROL/ROR).</summary>
internal static unsafe class Shift<TOp, T>
    where TOp : struct, IShiftOp
    where T : unmanaged
{
    private const int ClOffset = 8;

    public static bool ByImmediate(CpuCore c, DecodedOp* op) => Execute(c, op, (int)op->Immediate);

    /// <summary>A register by an immediate that is within the width and not zero.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool RegisterByImmediate(CpuCore c, DecodedOp* op)
    {
        Width<T>.Set(c.State, op->Reg1, TOp.Apply<T>(c.State, Width<T>.Get(c.State, op->Reg1), (int)op->Immediate));
        return true;
    }

    public static bool ByCl(CpuCore c, DecodedOp* op) => Execute(c, op, *((byte*)c.State + ClOffset));

    private static bool Execute(CpuCore c, DecodedOp* op, int count)
    {
        count &= sizeof(T) == 8 ? 63 : 31;
        if (!op->HasMemory)
        {
            var value = Width<T>.Get(c.State, op->Reg1);
            Width<T>.Set(c.State, op->Reg1, count == 0 ? value : TOp.Apply<T>(c.State, value, count));
            return true;
        }

        if (!c.TryLinear(op, sizeof(T), PageAccess.Write, out var linear) || !c.TryReadForUpdate<T>(linear, op->Segment, out var old))
        {
            return false;
        }

        if (count == 0)
        {
            return c.TryWriteUpdate<T>(linear, op->Segment, old);
        }

        var (flagResult, flagAux) = (c.State->FlagResult, c.State->FlagAux);
        if (c.TryWriteUpdate<T>(linear, op->Segment, TOp.Apply<T>(c.State, old, count)))
        {
            return true;
        }

        (c.State->FlagResult, c.State->FlagAux) = (flagResult, flagAux);
        return false;
    }
}
