using System.Runtime.Intrinsics;

namespace Vivarium.X86;

/// <summary>Interleaving, packing and horizontal sums: operations that move values between lanes in a fixed way.</summary>
internal static class LaneArrange
{
    internal readonly struct UnpackLowBytes : IVectorBinary
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b) =>
            (Vector128.WidenLower(a) | (Vector128.WidenLower(b) << 8)).AsByte();
    }

    internal readonly struct UnpackHighBytes : IVectorBinary
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b) =>
            (Vector128.WidenUpper(a) | (Vector128.WidenUpper(b) << 8)).AsByte();
    }

    internal readonly struct UnpackLowWords : IVectorBinary
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b) =>
            (Vector128.WidenLower(a.AsUInt16()) | (Vector128.WidenLower(b.AsUInt16()) << 16)).AsByte();
    }

    internal readonly struct UnpackHighWords : IVectorBinary
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b) =>
            (Vector128.WidenUpper(a.AsUInt16()) | (Vector128.WidenUpper(b.AsUInt16()) << 16)).AsByte();
    }

    internal readonly struct UnpackLowDoublewords : IVectorBinary
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b) =>
            (Vector128.WidenLower(a.AsUInt32()) | (Vector128.WidenLower(b.AsUInt32()) << 32)).AsByte();
    }

    internal readonly struct UnpackHighDoublewords : IVectorBinary
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b) =>
            (Vector128.WidenUpper(a.AsUInt32()) | (Vector128.WidenUpper(b.AsUInt32()) << 32)).AsByte();
    }

    internal readonly struct UnpackLowQuadwords : IVectorBinary
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b) => Vector128.Create(a.GetLower(), b.GetLower());
    }

    internal readonly struct UnpackHighQuadwords : IVectorBinary
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b) => Vector128.Create(a.GetUpper(), b.GetUpper());
    }

    /// <summary>PACKSSWB.</summary>
    internal readonly struct PackSignedWords : IVectorBinary
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b) =>
            Vector128.NarrowWithSaturation(a.AsInt16(), b.AsInt16()).AsByte();
    }

    /// <summary>PACKSSDW.</summary>
    internal readonly struct PackSignedDoublewords : IVectorBinary
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b) =>
            Vector128.NarrowWithSaturation(a.AsInt32(), b.AsInt32()).AsByte();
    }

    /// <summary>PACKUSWB.</summary>
    internal readonly struct PackUnsignedWords : IVectorBinary
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b) => Vector128.Narrow(Clamp(a), Clamp(b));

        private static Vector128<ushort> Clamp(Vector128<byte> a) =>
            Vector128.Min(Vector128.Max(a.AsInt16(), Vector128<short>.Zero), Vector128.Create((short)255)).AsUInt16();
    }

    /// <summary>PACKUSDW.</summary>
    internal readonly struct PackUnsignedDoublewords : IVectorBinary
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b) => Vector128.Narrow(Clamp(a), Clamp(b)).AsByte();

        private static Vector128<uint> Clamp(Vector128<byte> a) =>
            Vector128.Min(Vector128.Max(a.AsInt32(), Vector128<int>.Zero), Vector128.Create(65535)).AsUInt32();
    }

    /// <summary>PHADDW.</summary>
    internal readonly struct HorizontalAddWords : IVectorBinary
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b) => EvenWords(Sum(a), Sum(b));

        private static Vector128<short> Sum(Vector128<byte> a) => a.AsInt16() + OddWords(a);
    }

    /// <summary>PHADDSW.</summary>
    internal readonly struct HorizontalAddSaturated : IVectorBinary
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b) => EvenWords(Sum(a), Sum(b));

        private static Vector128<short> Sum(Vector128<byte> a) => Vector128.AddSaturate(a.AsInt16(), OddWords(a));
    }

    /// <summary>PHSUBW.</summary>
    internal readonly struct HorizontalSubtractWords : IVectorBinary
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b) => EvenWords(Difference(a), Difference(b));

        private static Vector128<short> Difference(Vector128<byte> a) => a.AsInt16() - OddWords(a);
    }

    /// <summary>PHSUBSW.</summary>
    internal readonly struct HorizontalSubtractSaturated : IVectorBinary
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b) => EvenWords(Difference(a), Difference(b));

        private static Vector128<short> Difference(Vector128<byte> a) => Vector128.SubtractSaturate(a.AsInt16(), OddWords(a));
    }

    /// <summary>PHADDD.</summary>
    internal readonly struct HorizontalAddDoublewords : IVectorBinary
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b) => EvenDoublewords(Sum(a), Sum(b));

        private static Vector128<int> Sum(Vector128<byte> a) => a.AsInt32() + (a.AsUInt64() >>> 32).AsInt32();
    }

    /// <summary>PHSUBD.</summary>
    internal readonly struct HorizontalSubtractDoublewords : IVectorBinary
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b) => EvenDoublewords(Difference(a), Difference(b));

        private static Vector128<int> Difference(Vector128<byte> a) => a.AsInt32() - (a.AsUInt64() >>> 32).AsInt32();
    }

    /// <summary>PHMINPOSUW: the least word and its index.</summary>
    internal readonly struct MinimumPosition : IVectorBinary
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b)
        {
            var words = b.AsUInt16();
            var position = 0;
            for (var i = 1; i < 8; i++)
            {
                if (words.GetElement(i) < words.GetElement(position))
                {
                    position = i;
                }
            }

            return Vector128.CreateScalar(words.GetElement(position) | ((uint)position << 16)).AsByte();
        }
    }

    private static Vector128<short> OddWords(Vector128<byte> a) => (a.AsUInt32() >>> 16).AsInt16();

    private static Vector128<byte> EvenWords(Vector128<short> a, Vector128<short> b) => Vector128.Narrow(a.AsUInt32(), b.AsUInt32()).AsByte();

    private static Vector128<byte> EvenDoublewords(Vector128<int> a, Vector128<int> b) =>
        Vector128.Narrow(a.AsUInt64(), b.AsUInt64()).AsByte();
}
