namespace Vivarium.X86;

/// <summary>The rounding-control field of MXCSR and the x87 control word.</summary>
internal enum RoundingMode : byte
{
    Nearest,
    Down,
    Up,
    Zero,
}
