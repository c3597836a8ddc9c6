using System.Numerics;
using System.Runtime.Intrinsics;

namespace Vivarium.X86;

/// <summary>SHA-NI in software (Intel SDM Vol. 2; FIPS 180-4). .NET exposes no host instruction for it.</summary>
internal static class ShaOperations
{
    /// <summary>SHA1RNDS4: four rounds; A to D in lanes 3 to 0, message words plus E in the second operand.</summary>
    internal readonly struct Sha1Rounds : IVectorImmediate
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate)
        {
            var (state, message) = (a.AsUInt32(), b.AsUInt32());
            var (x, y, z, w) = (state[3], state[2], state[1], state[0]);
            var e = 0u;
            for (var round = 0; round < 4; round++)
            {
                var next = Function(immediate & 3, y, z, w) + BitOperations.RotateLeft(x, 5) + message.GetElement(3 - round) + e
                    + Constant(immediate & 3);
                (e, w, z, y, x) = (w, z, BitOperations.RotateLeft(y, 30), x, next);
            }

            return Vector128.Create(w, z, y, x).AsByte();
        }

        private static uint Function(int kind, uint b, uint c, uint d) => kind switch
        {
            0 => (b & c) ^ (~b & d),
            2 => (b & c) ^ (b & d) ^ (c & d),
            _ => b ^ c ^ d,
        };

        private static uint Constant(int kind) => kind switch
        {
            0 => 0x5A827999,
            1 => 0x6ED9EBA1,
            2 => 0x8F1BBCDC,
            _ => 0xCA62C1D6,
        };
    }

    /// <summary>SHA1NEXTE.</summary>
    internal readonly struct Sha1NextE : IVectorBinary
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b) =>
            b.AsUInt32().WithElement(3, b.AsUInt32().GetElement(3) + BitOperations.RotateLeft(a.AsUInt32().GetElement(3), 30)).AsByte();
    }

    /// <summary>SHA1MSG1.</summary>
    internal readonly struct Sha1Message1 : IVectorBinary
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b) =>
            a ^ Vector128.Create(b.GetUpper(), a.GetLower());
    }

    /// <summary>SHA1MSG2.</summary>
    internal readonly struct Sha1Message2 : IVectorBinary
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b)
        {
            var (x, y) = (a.AsUInt32(), b.AsUInt32());
            var w16 = BitOperations.RotateLeft(x[3] ^ y[2], 1);
            var w17 = BitOperations.RotateLeft(x[2] ^ y[1], 1);
            var w18 = BitOperations.RotateLeft(x[1] ^ y[0], 1);
            var w19 = BitOperations.RotateLeft(x[0] ^ w16, 1);
            return Vector128.Create(w19, w18, w17, w16).AsByte();
        }
    }

    /// <summary>SHA256RNDS2: C, D, G, H in the first operand, A, B, E, F in the second, two words plus constants in the third.</summary>
    internal readonly struct Sha256Rounds : IVectorTernary
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, Vector128<byte> c)
        {
            var (first, second, words) = (a.AsUInt32(), b.AsUInt32(), c.AsUInt32());
            var (va, vb, ve, vf) = (second[3], second[2], second[1], second[0]);
            var (vc, vd, vg, vh) = (first[3], first[2], first[1], first[0]);
            for (var round = 0; round < 2; round++)
            {
                var t = ((ve & vf) ^ (~ve & vg)) + Rotations(ve, 6, 11, 25) + words.GetElement(round) + vh;
                var next = t + ((va & vb) ^ (va & vc) ^ (vb & vc)) + Rotations(va, 2, 13, 22);
                (vh, vg, vf, ve, vd, vc, vb, va) = (vg, vf, ve, t + vd, vc, vb, va, next);
            }

            return Vector128.Create(vf, ve, vb, va).AsByte();
        }

        private static uint Rotations(uint value, int first, int second, int third) =>
            BitOperations.RotateRight(value, first) ^ BitOperations.RotateRight(value, second) ^ BitOperations.RotateRight(value, third);
    }

    /// <summary>SHA256MSG1.</summary>
    internal readonly struct Sha256Message1 : IVectorBinary
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b)
        {
            var x = a.AsUInt32();
            var later = Vector128.Create(x[1], x[2], x[3], b.AsUInt32()[0]);
            var sigma = RotateRight(later, 7) ^ RotateRight(later, 18) ^ (later >>> 3);
            return (x + sigma).AsByte();
        }
    }

    /// <summary>SHA256MSG2.</summary>
    internal readonly struct Sha256Message2 : IVectorBinary
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b)
        {
            var (x, y) = (a.AsUInt32(), b.AsUInt32());
            var w16 = x[0] + Sigma(y[2]);
            var w17 = x[1] + Sigma(y[3]);
            var w18 = x[2] + Sigma(w16);
            var w19 = x[3] + Sigma(w17);
            return Vector128.Create(w16, w17, w18, w19).AsByte();
        }

        private static uint Sigma(uint value) =>
            BitOperations.RotateRight(value, 17) ^ BitOperations.RotateRight(value, 19) ^ (value >> 10);
    }

    private static Vector128<uint> RotateRight(Vector128<uint> value, int count) => (value >>> count) | (value << (32 - count));
}
