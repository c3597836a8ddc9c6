using Iced.Intel;
using static Vivarium.X86.LoweringHelpers;

namespace Vivarium.X86;

/// <summary>AES, PCLMULQDQ, SHA, CRC32 and the string comparisons of SSE4.2.</summary>
internal static unsafe class CryptographyLowering
{
    public static nint Find(in Instruction instruction) => instruction.Code switch
    {
        Code.Aesenc_xmm_xmmm128 => Binary<AesOperations.Encrypt>(),
        Code.Aesenclast_xmm_xmmm128 => Binary<AesOperations.EncryptLast>(),
        Code.Aesdec_xmm_xmmm128 => Binary<AesOperations.Decrypt>(),
        Code.Aesdeclast_xmm_xmmm128 => Binary<AesOperations.DecryptLast>(),
        Code.Aesimc_xmm_xmmm128 => Binary<AesOperations.InverseMix>(),
        Code.Aeskeygenassist_xmm_xmmm128_imm8 => Immediate<AesOperations.KeyGenerationAssist>(),
        Code.Pclmulqdq_xmm_xmmm128_imm8 => Immediate<CarrylessMultiply>(),
        Code.Sha1rnds4_xmm_xmmm128_imm8 => Immediate<ShaOperations.Sha1Rounds>(),
        Code.Sha1nexte_xmm_xmmm128 => Binary<ShaOperations.Sha1NextE>(),
        Code.Sha1msg1_xmm_xmmm128 => Binary<ShaOperations.Sha1Message1>(),
        Code.Sha1msg2_xmm_xmmm128 => Binary<ShaOperations.Sha1Message2>(),
        Code.Sha256rnds2_xmm_xmmm128 => Handler(&VectorHandlers.WithXmm0<ShaOperations.Sha256Rounds>),
        Code.Sha256msg1_xmm_xmmm128 => Binary<ShaOperations.Sha256Message1>(),
        Code.Sha256msg2_xmm_xmmm128 => Binary<ShaOperations.Sha256Message2>(),
        Code.Crc32_r32_rm8 or Code.Crc32_r64_rm8 => Handler(&Crc32Handlers.Accumulate<byte>),
        Code.Crc32_r32_rm16 => Handler(&Crc32Handlers.Accumulate<ushort>),
        Code.Crc32_r32_rm32 => Handler(&Crc32Handlers.Accumulate<uint>),
        Code.Crc32_r64_rm64 => Handler(&Crc32Handlers.Accumulate<ulong>),
        Code.Pcmpistri_xmm_xmmm128_imm8 => Handler(&StringCompareHandlers.ImplicitIndex),
        Code.Pcmpistrm_xmm_xmmm128_imm8 => Handler(&StringCompareHandlers.ImplicitMask),
        Code.Pcmpestri_xmm_xmmm128_imm8 or Code.Pcmpestri64_xmm_xmmm128_imm8 => Handler(&StringCompareHandlers.ExplicitIndex),
        Code.Pcmpestrm_xmm_xmmm128_imm8 or Code.Pcmpestrm64_xmm_xmmm128_imm8 => Handler(&StringCompareHandlers.ExplicitMask),
        _ => 0,
    };
}
