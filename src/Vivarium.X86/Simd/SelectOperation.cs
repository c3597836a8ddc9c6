using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Vivarium.X86;

/// <summary>MIN: the first operand if it is less, else the second, which so wins against NaN and among zeros.</summary>
internal readonly struct MinimumOperation : ILaneOperation
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryFast<T>(T a, T b, uint mxcsr, out T result, out bool inexact)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        inexact = false;
        result = a < b ? a : b;
        return LaneSelection.IsPlain(a) && LaneSelection.IsPlain(b);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryVector<T>(Vector128<T> a, Vector128<T> b, uint mxcsr, out Vector128<T> result)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        result = Vector128.ConditionalSelect(Vector128.LessThan(a, b), a, b);
        return LaneSelection.ArePlain(a, b);
    }

    public static T Exact<T>(T a, T b, ref FloatStatus status)
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => LaneSelection.Select(a, b, FloatOrder.Less, ref status);
}

/// <summary>MAX, likewise.</summary>
internal readonly struct MaximumOperation : ILaneOperation
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryFast<T>(T a, T b, uint mxcsr, out T result, out bool inexact)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        inexact = false;
        result = a > b ? a : b;
        return LaneSelection.IsPlain(a) && LaneSelection.IsPlain(b);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryVector<T>(Vector128<T> a, Vector128<T> b, uint mxcsr, out Vector128<T> result)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        result = Vector128.ConditionalSelect(Vector128.GreaterThan(a, b), a, b);
        return LaneSelection.ArePlain(a, b);
    }

    public static T Exact<T>(T a, T b, ref FloatStatus status)
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => LaneSelection.Select(a, b, FloatOrder.Greater, ref status);
}

/// <summary>What comparisons of lanes share.</summary>
internal static class LaneSelection
{
    /// <summary>Neither NaN nor denormal: comparing raises nothing.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsPlain<T>(T value)
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => !T.IsNaN(value) && !FloatLane.IsDenormal(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool ArePlain<T>(Vector128<T> a, Vector128<T> b)
        where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        Vector128.EqualsAll(a, a) && Vector128.EqualsAll(b, b) && !FloatLane.AnyDenormal(a) && !FloatLane.AnyDenormal(b);

    public static T Select<T>(T a, T b, FloatOrder wanted, ref FloatStatus status)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var daz = status.DenormalsAreZero;
        var order = FloatCompare.Compare(FloatLane.Unpack(a, daz), FloatLane.Unpack(b, daz), signaling: true, ref status);
        var chosen = order == wanted ? a : b;
        return daz && FloatLane.IsDenormal(chosen) ? FloatLane.Pack<T>(FloatParts.Zero(T.IsNegative(chosen))) : chosen;
    }
}
