using System.Numerics;
using System.Runtime.Intrinsics;
using HostAes = System.Runtime.Intrinsics.X86.Aes;

namespace Vivarium.X86;

/// <summary>AES-NI, on the host's instructions where it has them (FIPS 197; Intel SDM Vol. 1 §12.13).</summary>
internal static class AesOperations
{
    internal readonly struct Encrypt : IVectorBinary
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b) =>
            HostAes.IsSupported ? HostAes.Encrypt(a, b) : AesTables.MixColumns(AesTables.SubstituteAndShift(a)) ^ b;
    }

    internal readonly struct EncryptLast : IVectorBinary
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b) =>
            HostAes.IsSupported ? HostAes.EncryptLast(a, b) : AesTables.SubstituteAndShift(a) ^ b;
    }

    internal readonly struct Decrypt : IVectorBinary
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b) =>
            HostAes.IsSupported ? HostAes.Decrypt(a, b) : AesTables.InverseMixColumns(AesTables.InverseSubstituteAndShift(a)) ^ b;
    }

    internal readonly struct DecryptLast : IVectorBinary
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b) =>
            HostAes.IsSupported ? HostAes.DecryptLast(a, b) : AesTables.InverseSubstituteAndShift(a) ^ b;
    }

    /// <summary>AESIMC.</summary>
    internal readonly struct InverseMix : IVectorBinary
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b) =>
            HostAes.IsSupported ? HostAes.InverseMixColumns(b) : AesTables.InverseMixColumns(b);
    }

    /// <summary>AESKEYGENASSIST: always in software, because the host's takes its immediate only as a constant.</summary>
    internal readonly struct KeyGenerationAssist : IVectorImmediate
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate)
        {
            var x1 = AesTables.SubstituteWord(b.AsUInt32().GetElement(1));
            var x3 = AesTables.SubstituteWord(b.AsUInt32().GetElement(3));
            return Vector128.Create(
                x1, BitOperations.RotateRight(x1, 8) ^ immediate, x3, BitOperations.RotateRight(x3, 8) ^ immediate).AsByte();
        }
    }
}
