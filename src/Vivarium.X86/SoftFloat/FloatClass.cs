namespace Vivarium.X86;

/// <summary>What kind of datum an operand is.</summary>
internal enum FloatClass : byte
{
    Zero,
    Finite,
    Infinity,
    QuietNaN,
    SignalingNaN,

    /// <summary>An 80-bit encoding that the x87 refuses: unnormal, pseudo-infinity, pseudo-NaN (Intel SDM Vol. 1 §8.2.2).</summary>
    Unsupported,
}
