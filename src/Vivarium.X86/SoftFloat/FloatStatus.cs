namespace Vivarium.X86;

/// <summary>What governs an operation, and the exceptions it raised.</summary>
internal struct FloatStatus
{
    /// <summary>Exceptions raised so far (<see cref="FloatFlags"/>).</summary>
    public uint Flags;

    /// <summary>Exceptions whose mask is 0.</summary>
    public uint Unmasked;

    public RoundingMode Rounding;

    /// <summary>The rounded result is larger in magnitude than the exact one (x87 C1).</summary>
    public bool RoundedUp;

    /// <summary>MXCSR.DAZ.</summary>
    public bool DenormalsAreZero;

    /// <summary>MXCSR.FZ while underflow is masked.</summary>
    public bool FlushToZero;

    /// <summary>x87 rules: NaNs with larger significands win, and unmasked over- and underflow deliver a result with biased exponent.</summary>
    public bool X87;

    public const uint MxcsrDenormalsAreZero = 1 << 6;
    public const uint MxcsrFlushToZero = 1 << 15;
    public const int MxcsrMaskShift = 7;
    public const int MxcsrRoundingShift = 13;

    public static FloatStatus FromMxcsr(uint mxcsr)
    {
        var unmasked = ~(mxcsr >> MxcsrMaskShift) & FloatFlags.All;
        return new()
        {
            Unmasked = unmasked,
            Rounding = (RoundingMode)((mxcsr >> MxcsrRoundingShift) & 3),
            DenormalsAreZero = (mxcsr & MxcsrDenormalsAreZero) != 0,
            FlushToZero = (mxcsr & MxcsrFlushToZero) != 0 && (unmasked & FloatFlags.Underflow) == 0,
        };
    }

    /// <summary>For x87 operations whose result goes to a register.</summary>
    public static FloatStatus FromControlWord(ushort controlWord) => new()
    {
        Unmasked = ~(uint)controlWord & FloatFlags.All,
        Rounding = (RoundingMode)((controlWord >> 10) & 3),
        X87 = true,
    };

    public readonly bool IsUnmasked(uint flag) => (Unmasked & flag) != 0;

    public void NoteDenormal(in FloatParts a)
    {
        if (a.Denormal)
        {
            Flags |= FloatFlags.Denormal;
        }
    }

    public void NoteDenormal(in FloatParts a, in FloatParts b)
    {
        if (a.Denormal | b.Denormal)
        {
            Flags |= FloatFlags.Denormal;
        }
    }

    /// <summary>Raises IE and gives the default NaN.</summary>
    public FloatParts InvalidResult()
    {
        Flags |= FloatFlags.Invalid;
        return FloatParts.DefaultNaN;
    }
}
