using System.Runtime.Intrinsics;

namespace Vivarium.X86;

/// <summary>Shuffles, blends and alignment.</summary>
internal static class LaneShuffle
{
    /// <summary>PSHUFB on XMM: indices with bit 7 set give zero, others wrap at 16.</summary>
    internal readonly struct Bytes : IVectorBinary
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b) =>
            Vector128.Shuffle(a, b & Vector128.Create((byte)0x8F));
    }

    /// <summary>PSHUFD.</summary>
    internal readonly struct Doublewords : IVectorImmediate
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) =>
            Vector128.Shuffle(b.AsUInt32(), Indices(immediate)).AsByte();
    }

    /// <summary>PSHUFLW, and PSHUFW of MMX.</summary>
    internal readonly struct LowWords : IVectorImmediate
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) =>
            b.AsUInt64().WithElement(0, Words(b.AsUInt64()[0], immediate)).AsByte();
    }

    /// <summary>PSHUFHW.</summary>
    internal readonly struct HighWords : IVectorImmediate
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) =>
            b.AsUInt64().WithElement(1, Words(b.AsUInt64()[1], immediate)).AsByte();
    }

    /// <summary>SHUFPS.</summary>
    internal readonly struct Singles : IVectorImmediate
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate)
        {
            var (x, y) = (a.AsUInt32(), b.AsUInt32());
            return Vector128.Create(
                x.GetElement(immediate & 3), x.GetElement((immediate >> 2) & 3), y.GetElement((immediate >> 4) & 3), y.GetElement(immediate >> 6)).AsByte();
        }
    }

    /// <summary>SHUFPD.</summary>
    internal readonly struct Doubles : IVectorImmediate
    {
        public static byte Upper(byte immediate) => (byte)(immediate >> 2);

        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) =>
            Vector128.Create(a.AsUInt64().GetElement(immediate & 1), b.AsUInt64().GetElement((immediate >> 1) & 1)).AsByte();
    }

    /// <summary>PALIGNR on XMM: a:b shifted right by bytes.</summary>
    internal readonly struct AlignRight : IVectorImmediate
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) => immediate switch
        {
            < 16 => LaneShift.RightBytes.Apply(b, immediate) | LaneShift.LeftBytes.Apply(a, 16UL - immediate),
            _ => LaneShift.RightBytes.Apply(a, immediate - 16UL),
        };
    }

    /// <summary>PBLENDW.</summary>
    internal readonly struct BlendWords : IVectorImmediate
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate)
        {
            var bit = Vector128.Create((ushort)1, 2, 4, 8, 16, 32, 64, 128);
            return Select(Vector128.Equals(Vector128.Create((ushort)immediate) & bit, bit).AsByte(), b, a);
        }
    }

    /// <summary>BLENDPS.</summary>
    internal readonly struct BlendSingles : IVectorImmediate
    {
        public static byte Upper(byte immediate) => (byte)(immediate >> 4);

        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate)
        {
            var bit = Vector128.Create(1u, 2, 4, 8);
            return Select(Vector128.Equals(Vector128.Create((uint)immediate) & bit, bit).AsByte(), b, a);
        }
    }

    /// <summary>BLENDPD.</summary>
    internal readonly struct BlendDoubles : IVectorImmediate
    {
        public static byte Upper(byte immediate) => (byte)(immediate >> 2);

        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate)
        {
            var bit = Vector128.Create(1UL, 2);
            return Select(Vector128.Equals(Vector128.Create((ulong)immediate) & bit, bit).AsByte(), b, a);
        }
    }

    /// <summary>PBLENDVB, BLENDVPS and BLENDVPD: the sign of each signed lane of the mask chooses.</summary>
    internal readonly struct BlendBySign<T> : IVectorTernary
        where T : unmanaged
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, Vector128<byte> c) =>
            Select(Vector128.LessThan(c.As<byte, T>(), Vector128<T>.Zero).AsByte(), b, a);
    }

    /// <summary>INSERTPS with a register source; with memory the caller duplicates the element to all lanes.</summary>
    internal readonly struct InsertSingle : IVectorImmediate
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate)
        {
            var result = a.AsUInt32().WithElement((immediate >> 4) & 3, b.AsUInt32().GetElement(immediate >> 6));
            var bit = Vector128.Create(1u, 2, 4, 8);
            var zeroed = Vector128.Equals(Vector128.Create((uint)immediate) & bit, bit);
            return Vector128.AndNot(result, zeroed).AsByte();
        }
    }

    /// <summary>MPSADBW: eight sums of four absolute differences.</summary>
    internal readonly struct MultipleSums : IVectorImmediate
    {
        public static byte Upper(byte immediate) => (byte)(immediate >> 3);

        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate)
        {
            var aStart = (immediate & 4) != 0 ? 4 : 0;
            var bStart = (immediate & 3) * 4;
            var result = Vector128<ushort>.Zero;
            for (var i = 0; i < 8; i++)
            {
                var sum = 0;
                for (var j = 0; j < 4; j++)
                {
                    sum += Math.Abs(a.GetElement(aStart + i + j) - b.GetElement(bStart + j));
                }

                result = result.WithElement(i, (ushort)sum);
            }

            return result.AsByte();
        }
    }

    private static Vector128<byte> Select(Vector128<byte> mask, Vector128<byte> set, Vector128<byte> clear) =>
        Vector128.ConditionalSelect(mask, set, clear);

    private static Vector128<uint> Indices(byte immediate) =>
        Vector128.Create((uint)immediate & 3, (uint)(immediate >> 2) & 3, (uint)(immediate >> 4) & 3, (uint)(immediate >> 6));

    private static ulong Words(ulong value, byte immediate) =>
        (ushort)(value >> ((immediate & 3) * 16))
        | ((ulong)(ushort)(value >> (((immediate >> 2) & 3) * 16)) << 16)
        | ((ulong)(ushort)(value >> (((immediate >> 4) & 3) * 16)) << 32)
        | ((ulong)(ushort)(value >> ((immediate >> 6) * 16)) << 48);
}
