namespace Vivarium.X86;

/// <summary>SHLD and SHRD. For 16-bit operands and counts over 16, where the result is undefined, the three words dst:src:dst are shifted.</summary>
internal static unsafe class DoubleShift<T>
    where T : unmanaged
{
    private const int ClOffset = 8;

    public static bool LeftByImmediate(CpuCore c, DecodedOp* op) => Execute(c, op, (int)op->Immediate, left: true);

    public static bool LeftByCl(CpuCore c, DecodedOp* op) => Execute(c, op, *((byte*)c.State + ClOffset), left: true);

    public static bool RightByImmediate(CpuCore c, DecodedOp* op) => Execute(c, op, (int)op->Immediate, left: false);

    public static bool RightByCl(CpuCore c, DecodedOp* op) => Execute(c, op, *((byte*)c.State + ClOffset), left: false);

    private static bool Execute(CpuCore c, DecodedOp* op, int count, bool left)
    {
        count &= sizeof(T) == 8 ? 63 : 31;
        var linear = 0UL;
        ulong value;
        if (!op->HasMemory)
        {
            value = Width<T>.Get(c.State, op->Reg1);
        }
        else if (!c.TryLinear(op, sizeof(T), PageAccess.Write, out linear) || !c.TryReadForUpdate<T>(linear, op->Segment, out value))
        {
            return false;
        }

        if (count == 0)
        {
            return TrySet(c, op, linear, value);
        }

        var source = Width<T>.Get(c.State, op->Reg2);
        var r = left ? Left(value, source, count, out var carry) : Right(value, source, count, out carry);
        if (!TrySet(c, op, linear, r))
        {
            return false;
        }

        LazyFlags.SetResult<T>(c.State, r, carry, ((r ^ value) & Width<T>.SignBit) != 0);
        return true;
    }

    private static bool TrySet(CpuCore c, DecodedOp* op, ulong linear, ulong value)
    {
        if (op->HasMemory)
        {
            return c.TryWriteUpdate<T>(linear, op->Segment, value);
        }

        Width<T>.Set(c.State, op->Reg1, value);
        return true;
    }

    private static ulong Left(ulong value, ulong source, int count, out bool carry)
    {
        if (sizeof(T) == 2)
        {
            var wide = (value << 32) | (source << 16) | value;
            carry = ((wide >> (48 - count)) & 1) != 0;
            return (wide << count >> 32) & 0xFFFF;
        }

        carry = ((value >> (Width<T>.Bits - count)) & 1) != 0;
        return ((value << count) | (source >> (Width<T>.Bits - count))) & Width<T>.Mask;
    }

    private static ulong Right(ulong value, ulong source, int count, out bool carry)
    {
        if (sizeof(T) == 2)
        {
            var wide = (value << 32) | (source << 16) | value;
            carry = ((wide >> (count - 1)) & 1) != 0;
            return (wide >> count) & 0xFFFF;
        }

        carry = ((value >> (count - 1)) & 1) != 0;
        return ((value >> count) | (source << (Width<T>.Bits - count))) & Width<T>.Mask;
    }
}
