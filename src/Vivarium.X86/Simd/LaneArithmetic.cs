using System.Numerics;
using System.Runtime.Intrinsics;

namespace Vivarium.X86;

/// <summary>Integer operations that treat each lane alone, for any lane type.</summary>
internal static class LaneArithmetic
{
    internal readonly struct Add<T> : IVectorBinary
        where T : unmanaged
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b) => (a.As<byte, T>() + b.As<byte, T>()).AsByte();
    }

    internal readonly struct Subtract<T> : IVectorBinary
        where T : unmanaged
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b) => (a.As<byte, T>() - b.As<byte, T>()).AsByte();
    }

    internal readonly struct AddSaturated<T> : IVectorBinary
        where T : unmanaged
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b) =>
            Vector128.AddSaturate(a.As<byte, T>(), b.As<byte, T>()).AsByte();
    }

    internal readonly struct SubtractSaturated<T> : IVectorBinary
        where T : unmanaged
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b) =>
            Vector128.SubtractSaturate(a.As<byte, T>(), b.As<byte, T>()).AsByte();
    }

    internal readonly struct Minimum<T> : IVectorBinary
        where T : unmanaged
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b) =>
            Vector128.Min(a.As<byte, T>(), b.As<byte, T>()).AsByte();
    }

    internal readonly struct Maximum<T> : IVectorBinary
        where T : unmanaged
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b) =>
            Vector128.Max(a.As<byte, T>(), b.As<byte, T>()).AsByte();
    }

    /// <summary>(a + b + 1) / 2 of unsigned lanes, without the carry that the sum would need.</summary>
    internal readonly struct Average<T> : IVectorBinary
        where T : unmanaged, IShiftOperators<T, int, T>
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b) =>
            ((a | b).As<byte, T>() - ((a ^ b).As<byte, T>() >>> 1)).AsByte();
    }

    internal readonly struct Equal<T> : IVectorBinary
        where T : unmanaged
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b) =>
            Vector128.Equals(a.As<byte, T>(), b.As<byte, T>()).AsByte();
    }

    internal readonly struct Greater<T> : IVectorBinary
        where T : unmanaged
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b) =>
            Vector128.GreaterThan(a.As<byte, T>(), b.As<byte, T>()).AsByte();
    }

    /// <summary>Absolute value of the second operand; the most negative value stays.</summary>
    internal readonly struct Absolute<T> : IVectorBinary
        where T : unmanaged
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b)
        {
            var value = b.As<byte, T>();
            var negative = Vector128.LessThan(value, Vector128<T>.Zero);
            return ((value ^ negative) - negative).AsByte();
        }
    }

    /// <summary>The first operand times the sign of the second.</summary>
    internal readonly struct Sign<T> : IVectorBinary
        where T : unmanaged
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b)
        {
            var sign = b.As<byte, T>();
            var negative = Vector128.LessThan(sign, Vector128<T>.Zero);
            var value = (a.As<byte, T>() ^ negative) - negative;
            return Vector128.AndNot(value, Vector128.Equals(sign, Vector128<T>.Zero)).AsByte();
        }
    }

    internal readonly struct And : IVectorBinary
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b) => a & b;
    }

    internal readonly struct AndNot : IVectorBinary
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b) => Vector128.AndNot(b, a);
    }

    internal readonly struct Or : IVectorBinary
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b) => a | b;
    }

    internal readonly struct Xor : IVectorBinary
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b) => a ^ b;
    }
}
