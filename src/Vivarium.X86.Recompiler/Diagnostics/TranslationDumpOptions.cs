namespace Vivarium.X86;

/// <summary>How code is translated for a <see cref="TranslationDump"/>, and how much of it.</summary>
public sealed record TranslationDumpOptions
{
    /// <summary>64 for 64-bit mode, 32 for flat 32-bit protected mode. Default 64.</summary>
    public int Bits { get; init; } = 64;

    /// <summary>Where the first block begins; null for the first byte.</summary>
    public ulong? Entry { get; init; }

    /// <summary>At most so many blocks. Default 64.</summary>
    public int MaxBlocks { get; init; } = 64;

    /// <summary>The processor whose instructions there are; null for all that are known.</summary>
    public CpuModel? Model { get; init; }
}
