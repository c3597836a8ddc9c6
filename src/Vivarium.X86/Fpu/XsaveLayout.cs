using System.Numerics;

namespace Vivarium.X86;

/// <summary>State components of XSAVE and where they lie (Intel SDM Vol. 1 §13.4, §13.5; CPUID leaf 0xD). Sizes and offsets in bytes.</summary>
internal static class XsaveLayout
{
    public const int X87 = 0;
    public const int Sse = 1;
    public const int Avx = 2;
    public const int Pkru = 9;

    public const ulong X87Bit = 1UL << X87;
    public const ulong SseBit = 1UL << Sse;
    public const ulong AvxBit = 1UL << Avx;
    public const ulong PkruBit = 1UL << Pkru;

    public const int LegacyBytes = 512;
    public const int HeaderBytes = 64;
    public const int ExtendedOffset = LegacyBytes + HeaderBytes;
    public const int AvxBytes = 256;
    public const int PkruBytes = 8;

    /// <summary>The largest area of any form.</summary>
    public const int MaxBytes = PkruOffset + PkruBytes;

    private const int PkruOffset = 2688;

    /// <summary>The size of an extended component (CPUID.0xD.n:EAX), 0 if there is none.</summary>
    public static int Size(int component) => component switch
    {
        Avx => AvxBytes,
        Pkru => PkruBytes,
        _ => 0,
    };

    /// <summary>The offset of an extended component in the standard form (CPUID.0xD.n:EBX), 0 if there is none.</summary>
    public static int Offset(int component) => component switch
    {
        Avx => ExtendedOffset,
        Pkru => PkruOffset,
        _ => 0,
    };

    /// <summary>The size of the standard form for a set of components (CPUID.0xD.0:EBX for XCR0, ECX for all that are offered).</summary>
    public static int StandardBytes(ulong components)
    {
        var end = ExtendedOffset;
        for (var rest = components & ~(X87Bit | SseBit); rest != 0; rest &= rest - 1)
        {
            var component = BitOperations.TrailingZeroCount(rest);
            end = Math.Max(end, Offset(component) + Size(component));
        }

        return end;
    }

    /// <summary>The size of the compacted form (CPUID.0xD.1:EBX). No component here asks for alignment to 64 bytes.</summary>
    public static int CompactedBytes(ulong components) => CompactedOffset(components, 63);

    /// <summary>The offset of an extended component in the compacted form that holds <paramref name="components"/>.</summary>
    public static int CompactedOffset(ulong components, int component)
    {
        var offset = ExtendedOffset;
        for (var rest = components & ~(X87Bit | SseBit) & ((1UL << component) - 1); rest != 0; rest &= rest - 1)
        {
            offset += Size(BitOperations.TrailingZeroCount(rest));
        }

        return offset;
    }

    /// <summary>Whether XSETBV may load XCR0 with <paramref name="value"/> on a machine that offers <paramref name="supported"/>.</summary>
    public static bool IsValidXcr0(ulong value, ulong supported) =>
        (value & X87Bit) != 0
        && (value & ~supported) == 0
        && ((value & AvxBit) == 0 || (value & SseBit) != 0);
}
