using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Vivarium.X86;

/// <summary>Handlers of FMA: the first operand is the destination, the second in VEX.vvvv, the third a register or memory.</summary>
internal static unsafe class FusedHandlers
{
    public static bool Scalar<TSigns, TOrder, T>(CpuCore core, DecodedOp* op)
        where TSigns : struct, IFusedSigns
        where TOrder : struct, IFusedOrder
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        if (!AvxUnit.Enter(core) || !SseUnit.TrySource(core, op, out T source))
        {
            return false;
        }

        var status = FloatStatus.FromMxcsr(core.State->Mxcsr);
        var (a, b, c) = TOrder.Arrange(*SseUnit.Destination<T>(core, op), *AvxUnit.First<T>(core, op), source);
        var result = Lane<TSigns, T>(a, b, c, odd: false, core.State->Mxcsr, ref status);
        if (!SseUnit.Accept(core, status))
        {
            return false;
        }

        // The rest of the low half stays.
        *SseUnit.Destination<T>(core, op) = result;
        SseUnit.Destination<Vector128<byte>>(core, op)[1] = Vector128<byte>.Zero;
        return true;
    }

    public static bool Packed<TSigns, TOrder, T, TLength>(CpuCore core, DecodedOp* op)
        where TSigns : struct, IFusedSigns
        where TOrder : struct, IFusedOrder
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        where TLength : struct, IVectorLength
    {
        if (!AvxUnit.Enter(core) || !AvxUnit.TrySource<TLength>(core, op, out var source))
        {
            return false;
        }

        var mxcsr = core.State->Mxcsr;
        var (a, b, c) = TOrder.Arrange(*SseUnit.Destination<Vector256<T>>(core, op), *AvxUnit.First<Vector256<T>>(core, op), source.As<byte, T>());
        var high = Vector128<T>.Zero;
        if (FusedOperation<TSigns>.TryVector(a.GetLower(), b.GetLower(), c.GetLower(), mxcsr, out var low)
            && (!TLength.Is256 || FusedOperation<TSigns>.TryVector(a.GetUpper(), b.GetUpper(), c.GetUpper(), mxcsr, out high)))
        {
            AvxUnit.Write<TLength>(core, op, Vector256.Create(low, high).AsByte());
            return true;
        }

        return ByLane<TSigns, T, TLength>(core, op, a, b, c);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool ByLane<TSigns, T, TLength>(CpuCore core, DecodedOp* op, Vector256<T> a, Vector256<T> b, Vector256<T> c)
        where TSigns : struct, IFusedSigns
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        where TLength : struct, IVectorLength
    {
        var mxcsr = core.State->Mxcsr;
        var status = FloatStatus.FromMxcsr(mxcsr);
        var result = Vector256<T>.Zero;
        for (var i = 0; i < (TLength.Is256 ? Vector256<T>.Count : Vector128<T>.Count); i++)
        {
            result = result.WithElement(i, Lane<TSigns, T>(a.GetElement(i), b.GetElement(i), c.GetElement(i), (i & 1) != 0, mxcsr, ref status));
        }

        return AvxFloatHandlers.Complete<TLength>(core, op, result.AsByte(), status);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static T Lane<TSigns, T>(T a, T b, T c, bool odd, uint mxcsr, ref FloatStatus status)
        where TSigns : struct, IFusedSigns
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        if (FusedOperation<TSigns>.TryFast(a, b, c, odd, mxcsr, out var result, out var inexact))
        {
            status.Flags |= inexact ? FloatFlags.Precision : 0;
            return result;
        }

        return FusedOperation<TSigns>.Exact(a, b, c, odd, ref status);
    }
}
