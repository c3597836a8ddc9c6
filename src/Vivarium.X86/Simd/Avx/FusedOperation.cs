using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Vivarium.X86;

/// <summary>
/// A fused multiply-add of lanes, three times: with the host's on one lane, on a vector, and exactly. As in
/// <see cref="RoundedOperation{TArithmetic}"/>, the first two refuse whatever could differ from the last in value or flags.
/// </summary>
internal static class FusedOperation<TSigns>
    where TSigns : struct, IFusedSigns
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryFast<T>(T a, T b, T c, bool odd, uint mxcsr, out T result, out bool inexact)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        inexact = false;
        a = TSigns.NegatesProduct ? -a : a;
        c = NegatesAddend(odd) ? -c : c;
        result = T.FusedMultiplyAdd(a, b, c);
        if (!FloatLane.IsDefaultControl(mxcsr) || FloatLane.IsDenormal(a) || FloatLane.IsDenormal(b) || FloatLane.IsDenormal(c) || !FloatLane.IsMidRange(result))
        {
            return false;
        }

        if ((mxcsr & FloatFlags.Precision) != 0)
        {
            return true;
        }

        // Where the product is exact, the error of the sum tells; elsewhere only the exact operation can.
        var product = a * b;
        if (!FloatLane.IsMidRange(product) || !FloatLaneArithmetic.IsProduct(a, b, product))
        {
            return false;
        }

        inexact = !FloatLaneArithmetic.IsSumExact(product, c, result);
        return true;
    }

    /// <summary>Succeeds only when no flag of MXCSR would change.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryVector<T>(Vector128<T> a, Vector128<T> b, Vector128<T> c, uint mxcsr, out Vector128<T> result)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        a = TSigns.NegatesProduct ? -a : a;
        c ^= AddendSigns<T>();
        result = typeof(T) == typeof(double)
            ? Vector128.FusedMultiplyAdd(a.AsDouble(), b.AsDouble(), c.AsDouble()).As<double, T>()
            : Vector128.FusedMultiplyAdd(a.AsSingle(), b.AsSingle(), c.AsSingle()).As<float, T>();
        return FloatLane.IsDefaultControl(mxcsr)
            && (mxcsr & FloatFlags.Precision) != 0
            && FloatLane.AllMidRange(result)
            && !FloatLane.AnyDenormal(a)
            && !FloatLane.AnyDenormal(b)
            && !FloatLane.AnyDenormal(c);
    }

    public static T Exact<T>(T a, T b, T c, bool odd, ref FloatStatus status)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var daz = status.DenormalsAreZero;
        return FloatLane.Pack<T>(FloatFused.MultiplyAdd(
            FloatLane.Unpack(a, daz),
            FloatLane.Unpack(b, daz),
            FloatLane.Unpack(c, daz),
            TSigns.NegatesProduct,
            NegatesAddend(odd),
            FloatLane.Format<T>(),
            ref status));
    }

    private static bool NegatesAddend(bool odd) => odd ? TSigns.NegatesOddAddend : TSigns.NegatesEvenAddend;

    private static Vector128<T> AddendSigns<T>()
    {
        if (typeof(T) == typeof(double))
        {
            return Vector128.Create(
                TSigns.NegatesEvenAddend ? Binary64.SignBit : 0, TSigns.NegatesOddAddend ? Binary64.SignBit : 0).As<ulong, T>();
        }

        var even = TSigns.NegatesEvenAddend ? Binary32.SignBit : 0;
        var odd = TSigns.NegatesOddAddend ? Binary32.SignBit : 0;
        return Vector128.Create(even, odd, even, odd).As<uint, T>();
    }
}
