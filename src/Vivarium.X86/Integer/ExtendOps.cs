namespace Vivarium.X86;

/// <summary>MOVZX, MOVSX and MOVSXD: from TSource to TDestination.</summary>
internal static unsafe class Extend<TDestination, TSource>
    where TDestination : unmanaged
    where TSource : unmanaged
{
    public static bool Zero(CpuCore c, DecodedOp* op)
    {
        if (!Operand<TSource>.TryGetSource(c, op, out var value))
        {
            return false;
        }

        Width<TDestination>.Set(c.State, op->Reg1, value);
        return true;
    }

    public static bool Sign(CpuCore c, DecodedOp* op)
    {
        if (!Operand<TSource>.TryGetSource(c, op, out var value))
        {
            return false;
        }

        Width<TDestination>.Set(c.State, op->Reg1, Width<TSource>.SignExtend(value));
        return true;
    }
}

/// <summary>CBW/CWDE/CDQE (T is the result) and CWD/CDQ/CQO (T is the operand).</summary>
internal static unsafe class ExtendAccumulator<T>
    where T : unmanaged
{
    public static bool IntoSelf(CpuCore c, DecodedOp* op)
    {
        var value = Width<T>.Get(c.State, 0);
        Width<T>.Set(c.State, 0, sizeof(T) switch
        {
            2 => (ulong)(sbyte)value,
            4 => (ulong)(short)value,
            _ => (ulong)(int)value,
        });
        return true;
    }

    public static bool IntoRdx(CpuCore c, DecodedOp* op)
    {
        Width<T>.Set(c.State, 16, (ulong)((long)Width<T>.SignExtend(Width<T>.Get(c.State, 0)) >> 63));
        return true;
    }
}
