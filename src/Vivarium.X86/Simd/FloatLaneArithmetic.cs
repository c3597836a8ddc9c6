using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Vivarium.X86;

/// <summary>The arithmetic behind <see cref="RoundedOperation{TArithmetic}"/>. A single's products are exact in double.</summary>
internal static class FloatLaneArithmetic
{
    internal readonly struct Add : ILaneArithmetic
    {
        public static T Apply<T>(T a, T b)
            where T : unmanaged, IBinaryFloatingPointIeee754<T> => a + b;

        public static Vector128<T> Apply<T>(Vector128<T> a, Vector128<T> b) => a + b;

        public static bool HasProof<T>(T a, T b)
            where T : unmanaged, IBinaryFloatingPointIeee754<T> => true;

        public static bool IsExact<T>(T a, T b, T result)
            where T : unmanaged, IBinaryFloatingPointIeee754<T> => IsSumExact(a, b, result);

        public static bool IsZeroExact<T>(T a, T b)
            where T : unmanaged, IBinaryFloatingPointIeee754<T> => true;

        public static FloatParts Exact(in FloatParts a, in FloatParts b, in FloatFormat format, ref FloatStatus status) =>
            FloatArithmetic.Add(a, b, format, ref status);
    }

    internal readonly struct Subtract : ILaneArithmetic
    {
        public static T Apply<T>(T a, T b)
            where T : unmanaged, IBinaryFloatingPointIeee754<T> => a - b;

        public static Vector128<T> Apply<T>(Vector128<T> a, Vector128<T> b) => a - b;

        public static bool HasProof<T>(T a, T b)
            where T : unmanaged, IBinaryFloatingPointIeee754<T> => true;

        public static bool IsExact<T>(T a, T b, T result)
            where T : unmanaged, IBinaryFloatingPointIeee754<T> => IsSumExact(a, -b, result);

        public static bool IsZeroExact<T>(T a, T b)
            where T : unmanaged, IBinaryFloatingPointIeee754<T> => true;

        public static FloatParts Exact(in FloatParts a, in FloatParts b, in FloatFormat format, ref FloatStatus status) =>
            FloatArithmetic.Subtract(a, b, format, ref status);
    }

    internal readonly struct Multiply : ILaneArithmetic
    {
        public static T Apply<T>(T a, T b)
            where T : unmanaged, IBinaryFloatingPointIeee754<T> => a * b;

        public static Vector128<T> Apply<T>(Vector128<T> a, Vector128<T> b) => a * b;

        public static bool HasProof<T>(T a, T b)
            where T : unmanaged, IBinaryFloatingPointIeee754<T> => true;

        public static bool IsExact<T>(T a, T b, T result)
            where T : unmanaged, IBinaryFloatingPointIeee754<T> => IsProduct(a, b, result);

        public static bool IsZeroExact<T>(T a, T b)
            where T : unmanaged, IBinaryFloatingPointIeee754<T> => T.IsZero(a) || T.IsZero(b);

        public static FloatParts Exact(in FloatParts a, in FloatParts b, in FloatFormat format, ref FloatStatus status) =>
            FloatArithmetic.Multiply(a, b, format, ref status);
    }

    internal readonly struct Divide : ILaneArithmetic
    {
        public static T Apply<T>(T a, T b)
            where T : unmanaged, IBinaryFloatingPointIeee754<T> => a / b;

        public static Vector128<T> Apply<T>(Vector128<T> a, Vector128<T> b) => a / b;

        public static bool HasProof<T>(T a, T b)
            where T : unmanaged, IBinaryFloatingPointIeee754<T> => typeof(T) == typeof(float) || FloatLane.IsMidRange(a);

        public static bool IsExact<T>(T a, T b, T result)
            where T : unmanaged, IBinaryFloatingPointIeee754<T> => IsProduct(result, b, a);

        public static bool IsZeroExact<T>(T a, T b)
            where T : unmanaged, IBinaryFloatingPointIeee754<T> => T.IsZero(a);

        public static FloatParts Exact(in FloatParts a, in FloatParts b, in FloatFormat format, ref FloatStatus status) =>
            FloatArithmetic.Divide(a, b, format, ref status);
    }

    /// <summary>The square root of the second operand.</summary>
    internal readonly struct SquareRoot : ILaneArithmetic
    {
        public static T Apply<T>(T a, T b)
            where T : unmanaged, IBinaryFloatingPointIeee754<T> => T.Sqrt(b);

        public static Vector128<T> Apply<T>(Vector128<T> a, Vector128<T> b) => Vector128.Sqrt(b);

        public static bool HasProof<T>(T a, T b)
            where T : unmanaged, IBinaryFloatingPointIeee754<T> => typeof(T) == typeof(float) || FloatLane.IsMidRange(b);

        public static bool IsExact<T>(T a, T b, T result)
            where T : unmanaged, IBinaryFloatingPointIeee754<T> => IsProduct(result, result, b);

        public static bool IsZeroExact<T>(T a, T b)
            where T : unmanaged, IBinaryFloatingPointIeee754<T> => true;

        public static FloatParts Exact(in FloatParts a, in FloatParts b, in FloatFormat format, ref FloatStatus status) =>
            FloatArithmetic.SquareRoot(b, format, ref status);
    }

    /// <summary>Knuth's TwoSum: the rounding error of a sum is itself representable.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsSumExact<T>(T a, T b, T sum)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var virtualB = sum - a;
        return T.IsZero((a - (sum - virtualB)) + (b - virtualB));
    }

    /// <summary>Whether a product in the middle range is exact.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsProduct<T>(T a, T b, T product)
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => typeof(T) == typeof(float)
            ? Unsafe.BitCast<T, float>(a) * (double)Unsafe.BitCast<T, float>(b) == Unsafe.BitCast<T, float>(product)
            : T.IsZero(T.FusedMultiplyAdd(a, b, -product));
}
