namespace Vivarium.X86;

/// <summary>Exception flags, at the same bits in MXCSR, the x87 status word and (as masks) the x87 control word.</summary>
internal static class FloatFlags
{
    public const uint Invalid = 1;
    public const uint Denormal = 2;
    public const uint ZeroDivide = 4;
    public const uint Overflow = 8;
    public const uint Underflow = 16;
    public const uint Precision = 32;
    public const uint All = 63;

    /// <summary>Those found before the operation: when unmasked there is no result.</summary>
    public const uint PreComputation = Invalid | Denormal | ZeroDivide;
}
