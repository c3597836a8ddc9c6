using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Vivarium.X86;

/// <summary>An operation with rounded result: add, subtract, multiply, divide, square root.</summary>
internal readonly struct RoundedOperation<TArithmetic> : ILaneOperation
    where TArithmetic : struct, ILaneArithmetic
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryFast<T>(T a, T b, uint mxcsr, out T result, out bool inexact)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        inexact = false;
        result = TArithmetic.Apply(a, b);
        if (!FloatLane.IsDefaultControl(mxcsr) || FloatLane.IsDenormal(a) || FloatLane.IsDenormal(b))
        {
            return false;
        }

        if (!FloatLane.IsMidRange(result))
        {
            return T.IsZero(result) && TArithmetic.IsZeroExact(a, b);
        }

        if ((mxcsr & FloatFlags.Precision) != 0)
        {
            return true;
        }

        inexact = !TArithmetic.IsExact(a, b, result);
        return TArithmetic.HasProof(a, b);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryVector<T>(Vector128<T> a, Vector128<T> b, uint mxcsr, out Vector128<T> result)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        result = TArithmetic.Apply(a, b);
        return FloatLane.IsDefaultControl(mxcsr)
            && (mxcsr & FloatFlags.Precision) != 0
            && FloatLane.AllMidRange(result)
            && !FloatLane.AnyDenormal(a)
            && !FloatLane.AnyDenormal(b);
    }

    public static T Exact<T>(T a, T b, ref FloatStatus status)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var daz = status.DenormalsAreZero;
        return FloatLane.Pack<T>(TArithmetic.Exact(FloatLane.Unpack(a, daz), FloatLane.Unpack(b, daz), FloatLane.Format<T>(), ref status));
    }
}
