namespace Vivarium.X86;

/// <summary>
/// What decoding depends on besides the bytes. Blocks of different modes are kept apart; CPL is part of it because the right to fetch is.
/// </summary>
[Flags]
internal enum DecodeMode : ushort
{
    None = 0,

    /// <summary>CS.D = 1, outside 64-bit mode.</summary>
    Code32 = 1,

    /// <summary>64-bit mode.</summary>
    Code64 = 2,

    /// <summary>CS starts at 0 and spans everything.</summary>
    FlatCode = 4,

    /// <summary>ES, SS and DS start at 0, span everything and may be written; SS.B = 1.</summary>
    FlatData = 8,

    /// <summary>CPL 3.</summary>
    User = 16,

    /// <summary>Real-address or virtual-8086 mode, where VEX prefixes do not exist.</summary>
    Real = 32,
}
