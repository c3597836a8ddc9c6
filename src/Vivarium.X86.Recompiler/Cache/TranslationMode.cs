namespace Vivarium.X86;

/// <summary>What a translation depends on besides the bytes: the low bits are the <see cref="DecodeMode"/>.</summary>
[Flags]
internal enum TranslationMode : ushort
{
    None = 0,
    DecodeMask = 0x3F,

    /// <summary>The data TLB in use, an <see cref="MmuMode"/>.</summary>
    MmuMask = 3 << MmuShift,

    /// <summary>SSE may run: enabled in CR0 and CR4, and every SIMD exception masked.</summary>
    Vectors = 1 << 8,

    /// <summary>AVX may run too.</summary>
    WideVectors = 1 << 9,

    /// <summary>x87 and MMX may run: enabled in CR0, every exception masked and none pending.</summary>
    X87 = 1 << 10,
    MmuShift = 6,
}
