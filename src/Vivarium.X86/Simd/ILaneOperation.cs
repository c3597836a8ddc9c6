using System.Numerics;
using System.Runtime.Intrinsics;

namespace Vivarium.X86;

/// <summary>
/// A floating-point operation on lanes, three times: with the host's arithmetic on one lane, on a vector, and exactly. The first two
/// refuse whatever could differ from the last in value or flags. One-operand operations ignore the first operand.
/// </summary>
internal interface ILaneOperation
{
    abstract static bool TryFast<T>(T a, T b, uint mxcsr, out T result, out bool inexact)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>;

    /// <summary>Succeeds only when no flag of MXCSR would change.</summary>
    abstract static bool TryVector<T>(Vector128<T> a, Vector128<T> b, uint mxcsr, out Vector128<T> result)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>;

    abstract static T Exact<T>(T a, T b, ref FloatStatus status)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>;
}

/// <summary>An arithmetic operation as <see cref="RoundedOperation{TArithmetic}"/> needs it.</summary>
internal interface ILaneArithmetic
{
    abstract static T Apply<T>(T a, T b)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>;

    abstract static Vector128<T> Apply<T>(Vector128<T> a, Vector128<T> b);

    /// <summary>Whether <see cref="IsExact"/> can tell for these operands.</summary>
    abstract static bool HasProof<T>(T a, T b)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>;

    /// <summary>Whether the rounded result, in the middle range, is the exact one.</summary>
    abstract static bool IsExact<T>(T a, T b, T result)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>;

    /// <summary>Whether a result of zero is exact, not an underflow.</summary>
    abstract static bool IsZeroExact<T>(T a, T b)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>;

    abstract static FloatParts Exact(in FloatParts a, in FloatParts b, in FloatFormat format, ref FloatStatus status);
}
