using System.Numerics;
using System.Runtime.Intrinsics;

namespace Vivarium.X86;

/// <summary>A conversion of a vector; the former destination is given for those that keep part of it.</summary>
internal interface IPackedConversion
{
    abstract static Vector128<byte> Convert(Vector128<byte> destination, Vector128<byte> source, uint mxcsr, ref FloatStatus status);
}

/// <summary>The packed conversions of SSE and SSE2. Two-element results fill the low half and clear the high one.</summary>
internal static class PackedConversion
{
    /// <summary>CVTDQ2PS.</summary>
    internal readonly struct IntegersToSingles : IPackedConversion
    {
        public static Vector128<byte> Convert(Vector128<byte> destination, Vector128<byte> source, uint mxcsr, ref FloatStatus status)
        {
            var result = Vector128<float>.Zero;
            for (var i = 0; i < 4; i++)
            {
                result = result.WithElement(i, FloatConversion.FromInteger<float>(source.AsInt32().GetElement(i), ref status));
            }

            return result.AsByte();
        }
    }

    /// <summary>CVTDQ2PD, CVTPI2PD: exact.</summary>
    internal readonly struct IntegersToDoubles : IPackedConversion
    {
        public static Vector128<byte> Convert(Vector128<byte> destination, Vector128<byte> source, uint mxcsr, ref FloatStatus status) =>
            Vector128.Create((double)source.AsInt32().GetElement(0), source.AsInt32().GetElement(1)).AsByte();
    }

    /// <summary>CVTPI2PS: keeps the high half.</summary>
    internal readonly struct IntegerPairToSingles : IPackedConversion
    {
        public static Vector128<byte> Convert(Vector128<byte> destination, Vector128<byte> source, uint mxcsr, ref FloatStatus status) =>
            destination.AsSingle()
                .WithElement(0, FloatConversion.FromInteger<float>(source.AsInt32().GetElement(0), ref status))
                .WithElement(1, FloatConversion.FromInteger<float>(source.AsInt32().GetElement(1), ref status))
                .AsByte();
    }

    /// <summary>CVTPS2DQ, CVTPD2DQ and their MMX forms.</summary>
    internal readonly struct ToIntegers<T> : IPackedConversion
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        public static Vector128<byte> Convert(Vector128<byte> destination, Vector128<byte> source, uint mxcsr, ref FloatStatus status) =>
            Integers(source.As<byte, T>(), status.Rounding, ref status);
    }

    /// <summary>CVTTPS2DQ, CVTTPD2DQ and their MMX forms.</summary>
    internal readonly struct Truncate<T> : IPackedConversion
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        public static Vector128<byte> Convert(Vector128<byte> destination, Vector128<byte> source, uint mxcsr, ref FloatStatus status) =>
            Integers(source.As<byte, T>(), RoundingMode.Zero, ref status);
    }

    /// <summary>CVTPS2PD.</summary>
    internal readonly struct SinglesToDoubles : IPackedConversion
    {
        public static Vector128<byte> Convert(Vector128<byte> destination, Vector128<byte> source, uint mxcsr, ref FloatStatus status)
        {
            var low = FloatConversion.Widen(source.AsSingle().GetElement(0), ref status);
            var high = FloatConversion.Widen(source.AsSingle().GetElement(1), ref status);
            return Vector128.Create(low, high).AsByte();
        }
    }

    /// <summary>CVTPD2PS.</summary>
    internal readonly struct DoublesToSingles : IPackedConversion
    {
        public static Vector128<byte> Convert(Vector128<byte> destination, Vector128<byte> source, uint mxcsr, ref FloatStatus status)
        {
            var low = FloatConversion.Narrow(source.AsDouble().GetElement(0), mxcsr, ref status);
            var high = FloatConversion.Narrow(source.AsDouble().GetElement(1), mxcsr, ref status);
            return Vector128.Create(low, high, 0, 0).AsByte();
        }
    }

    /// <summary>RCPPS.</summary>
    internal readonly struct Reciprocals : IPackedConversion
    {
        public static Vector128<byte> Convert(Vector128<byte> destination, Vector128<byte> source, uint mxcsr, ref FloatStatus status)
        {
            var result = source.AsSingle();
            for (var i = 0; i < 4; i++)
            {
                result = result.WithElement(i, FloatConversion.Reciprocal(result.GetElement(i)));
            }

            return result.AsByte();
        }
    }

    /// <summary>RSQRTPS.</summary>
    internal readonly struct ReciprocalSquareRoots : IPackedConversion
    {
        public static Vector128<byte> Convert(Vector128<byte> destination, Vector128<byte> source, uint mxcsr, ref FloatStatus status)
        {
            var result = source.AsSingle();
            for (var i = 0; i < 4; i++)
            {
                result = result.WithElement(i, FloatConversion.ReciprocalSquareRoot(result.GetElement(i)));
            }

            return result.AsByte();
        }
    }

    private static Vector128<byte> Integers<T>(Vector128<T> source, RoundingMode mode, ref FloatStatus status)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var result = Vector128<int>.Zero;
        for (var i = 0; i < Vector128<T>.Count; i++)
        {
            result = result.WithElement(i, (int)FloatConversion.ToInteger(source.GetElement(i), 32, mode, ref status));
        }

        return result.AsByte();
    }
}
