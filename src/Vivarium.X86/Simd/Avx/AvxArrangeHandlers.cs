using System.Runtime.Intrinsics;

namespace Vivarium.X86;

/// <summary>Broadcasts, permutations across the halves, and access to one half.</summary>
internal static unsafe class AvxArrangeHandlers
{
    /// <summary>VBROADCASTSS, VBROADCASTSD, VBROADCASTF128, VBROADCASTI128, VPBROADCAST.</summary>
    public static bool Broadcast<T, TLength>(CpuCore core, DecodedOp* op)
        where T : unmanaged
        where TLength : struct, IVectorLength
    {
        if (!AvxUnit.Enter(core) || !SseUnit.TrySource(core, op, out T value))
        {
            return false;
        }

        if (sizeof(T) == 16)
        {
            var half = *(Vector128<byte>*)&value;
            AvxUnit.Write<TLength>(core, op, Vector256.Create(half, half));
        }
        else
        {
            AvxUnit.Write<TLength>(core, op, Vector256.Create(value).AsByte());
        }

        return true;
    }

    /// <summary>VPERMD, VPERMPS: the first operand has the indices.</summary>
    public static bool PermuteDoublewords(CpuCore core, DecodedOp* op)
    {
        if (!AvxUnit.Enter(core) || !AvxUnit.TrySource<Length256>(core, op, out var source))
        {
            return false;
        }

        var indices = *AvxUnit.First<Vector256<uint>>(core, op) & Vector256.Create(7u);
        AvxUnit.Write<Length256>(core, op, Vector256.Shuffle(source.AsUInt32(), indices).AsByte());
        return true;
    }

    /// <summary>VPERMQ, VPERMPD: two bits of the immediate for each result.</summary>
    public static bool PermuteQuadwords(CpuCore core, DecodedOp* op)
    {
        if (!AvxUnit.Enter(core) || !AvxUnit.TrySource<Length256>(core, op, out var source))
        {
            return false;
        }

        var immediate = (ulong)op->Immediate;
        var indices = Vector256.Create(immediate & 3, (immediate >> 2) & 3, (immediate >> 4) & 3, (immediate >> 6) & 3);
        AvxUnit.Write<Length256>(core, op, Vector256.Shuffle(source.AsUInt64(), indices).AsByte());
        return true;
    }

    /// <summary>VPERM2F128, VPERM2I128: four bits of the immediate for each half, of which bit 3 gives zero.</summary>
    public static bool PermuteHalves(CpuCore core, DecodedOp* op)
    {
        if (!AvxUnit.Enter(core) || !AvxUnit.TrySource<Length256>(core, op, out var second))
        {
            return false;
        }

        var first = *AvxUnit.First<Vector256<byte>>(core, op);
        var immediate = (int)op->Immediate;
        AvxUnit.Write<Length256>(core, op, Vector256.Create(Half(first, second, immediate), Half(first, second, immediate >> 4)));
        return true;
    }

    /// <summary>VINSERTF128, VINSERTI128.</summary>
    public static bool InsertHalf(CpuCore core, DecodedOp* op)
    {
        if (!AvxUnit.Enter(core) || !SseUnit.TrySource(core, op, out Vector128<byte> half))
        {
            return false;
        }

        var first = *AvxUnit.First<Vector256<byte>>(core, op);
        AvxUnit.Write<Length256>(core, op, (op->Immediate & 1) != 0 ? first.WithUpper(half) : first.WithLower(half));
        return true;
    }

    /// <summary>VEXTRACTF128, VEXTRACTI128 to a register.</summary>
    public static bool ExtractHalf(CpuCore core, DecodedOp* op)
    {
        if (!AvxUnit.Enter(core))
        {
            return false;
        }

        AvxUnit.Write(core, op, SseUnit.Register<Vector128<byte>>(core, op->Reg2)[(int)op->Immediate & 1]);
        return true;
    }

    /// <summary>VEXTRACTF128, VEXTRACTI128 to memory.</summary>
    public static bool ExtractHalfToMemory(CpuCore core, DecodedOp* op) =>
        AvxUnit.Enter(core) && core.TryStore(op, SseUnit.Register<Vector128<byte>>(core, op->Reg2)[(int)op->Immediate & 1]);

    /// <summary>VMOVDDUP of 256 bits: the even quadwords, each twice.</summary>
    public static bool DuplicateEvenQuadwords(CpuCore core, DecodedOp* op)
    {
        if (!AvxUnit.Enter(core) || !AvxUnit.TrySource<Length256>(core, op, out var source))
        {
            return false;
        }

        AvxUnit.Write<Length256>(core, op, Vector256.Shuffle(source.AsUInt64(), Vector256.Create(0UL, 0, 2, 2)).AsByte());
        return true;
    }

    private static Vector128<byte> Half(Vector256<byte> first, Vector256<byte> second, int control)
    {
        if ((control & 8) != 0)
        {
            return Vector128<byte>.Zero;
        }

        var source = (control & 2) != 0 ? second : first;
        return (control & 1) != 0 ? source.GetUpper() : source.GetLower();
    }
}
