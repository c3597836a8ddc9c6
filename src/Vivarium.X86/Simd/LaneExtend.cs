using System.Runtime.Intrinsics;

namespace Vivarium.X86;

/// <summary>PMOVSX and PMOVZX, and the duplicating moves of SSE3.</summary>
internal static class LaneExtend
{
    internal readonly struct SignBytesToWords : IVectorBinary
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b) => Vector128.WidenLower(b.AsSByte()).AsByte();
    }

    internal readonly struct SignBytesToDoublewords : IVectorBinary
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b) =>
            Vector128.WidenLower(Vector128.WidenLower(b.AsSByte())).AsByte();
    }

    internal readonly struct SignBytesToQuadwords : IVectorBinary
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b) =>
            Vector128.WidenLower(Vector128.WidenLower(Vector128.WidenLower(b.AsSByte()))).AsByte();
    }

    internal readonly struct SignWordsToDoublewords : IVectorBinary
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b) => Vector128.WidenLower(b.AsInt16()).AsByte();
    }

    internal readonly struct SignWordsToQuadwords : IVectorBinary
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b) =>
            Vector128.WidenLower(Vector128.WidenLower(b.AsInt16())).AsByte();
    }

    internal readonly struct SignDoublewordsToQuadwords : IVectorBinary
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b) => Vector128.WidenLower(b.AsInt32()).AsByte();
    }

    internal readonly struct ZeroBytesToWords : IVectorBinary
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b) => Vector128.WidenLower(b).AsByte();
    }

    internal readonly struct ZeroBytesToDoublewords : IVectorBinary
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b) =>
            Vector128.WidenLower(Vector128.WidenLower(b)).AsByte();
    }

    internal readonly struct ZeroBytesToQuadwords : IVectorBinary
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b) =>
            Vector128.WidenLower(Vector128.WidenLower(Vector128.WidenLower(b))).AsByte();
    }

    internal readonly struct ZeroWordsToDoublewords : IVectorBinary
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b) => Vector128.WidenLower(b.AsUInt16()).AsByte();
    }

    internal readonly struct ZeroWordsToQuadwords : IVectorBinary
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b) =>
            Vector128.WidenLower(Vector128.WidenLower(b.AsUInt16())).AsByte();
    }

    internal readonly struct ZeroDoublewordsToQuadwords : IVectorBinary
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b) => Vector128.WidenLower(b.AsUInt32()).AsByte();
    }

    /// <summary>MOVDDUP.</summary>
    internal readonly struct DuplicateLowQuadword : IVectorBinary
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b) => Vector128.Create(b.GetLower(), b.GetLower());
    }

    /// <summary>MOVSLDUP.</summary>
    internal readonly struct DuplicateEvenDoublewords : IVectorBinary
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b) =>
            Vector128.Shuffle(b.AsUInt32(), Vector128.Create(0u, 0, 2, 2)).AsByte();
    }

    /// <summary>MOVSHDUP.</summary>
    internal readonly struct DuplicateOddDoublewords : IVectorBinary
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b) =>
            Vector128.Shuffle(b.AsUInt32(), Vector128.Create(1u, 1, 3, 3)).AsByte();
    }
}
