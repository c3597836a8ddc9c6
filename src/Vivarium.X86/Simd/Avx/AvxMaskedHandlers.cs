using System.Numerics;
using System.Runtime.Intrinsics;

namespace Vivarium.X86;

/// <summary>VMASKMOVPS, VMASKMOVPD, VPMASKMOVD and VPMASKMOVQ: lanes whose mask has its sign clear are neither read nor written, and cannot fault.</summary>
internal static unsafe class AvxMaskedHandlers
{
    /// <summary>Lanes left out become zero.</summary>
    public static bool Load<T, TLength>(CpuCore core, DecodedOp* op)
        where T : unmanaged
        where TLength : struct, IVectorLength
    {
        if (!AvxUnit.Enter(core))
        {
            return false;
        }

        var mask = Mask<T, TLength>(core, op);
        var value = Vector256<byte>.Zero;
        var bytes = new Span<byte>(&value, sizeof(Vector256<byte>));
        while (TryNextRun<T>(ref mask, out var start, out var length))
        {
            if (!core.TryLoadBytes(op, start, bytes.Slice(start, length)))
            {
                return false;
            }
        }

        AvxUnit.Write<TLength>(core, op, value);
        return true;
    }

    /// <summary>All lanes are stored or, after a fault, none.</summary>
    public static bool Store<T, TLength>(CpuCore core, DecodedOp* op)
        where T : unmanaged
        where TLength : struct, IVectorLength
    {
        if (!AvxUnit.Enter(core))
        {
            return false;
        }

        var bytes = 0U;
        for (var lanes = Mask<T, TLength>(core, op); lanes != 0; lanes &= lanes - 1)
        {
            bytes |= ((1u << sizeof(T)) - 1) << (BitOperations.TrailingZeroCount(lanes) * sizeof(T));
        }

        return MoveHandlers.StoreRuns(core, op, new ReadOnlySpan<byte>(SseUnit.Register<byte>(core, op->Reg2), TLength.Is256 ? 32 : 16), bytes);
    }

    private static uint Mask<T, TLength>(CpuCore core, DecodedOp* op)
        where T : unmanaged
        where TLength : struct, IVectorLength => TLength.Is256
            ? AvxUnit.First<Vector256<T>>(core, op)->ExtractMostSignificantBits()
            : AvxUnit.First<Vector128<T>>(core, op)->ExtractMostSignificantBits();

    /// <summary>Takes the lowest run of neighbouring lanes off the mask; offset and length are in bytes.</summary>
    private static bool TryNextRun<T>(ref uint mask, out int start, out int length)
        where T : unmanaged
    {
        var first = BitOperations.TrailingZeroCount(mask);
        var count = BitOperations.TrailingZeroCount(~(mask >> first));
        start = first * sizeof(T);
        length = count * sizeof(T);
        if (mask == 0)
        {
            return false;
        }

        mask &= ~(((1u << count) - 1) << first);
        return true;
    }
}
