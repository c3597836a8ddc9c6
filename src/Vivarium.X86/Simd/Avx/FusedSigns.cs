namespace Vivarium.X86;

/// <summary>Which signs a fused multiply-add inverts.</summary>
internal interface IFusedSigns
{
    static abstract bool NegatesProduct { get; }

    static abstract bool NegatesEvenAddend { get; }

    static abstract bool NegatesOddAddend { get; }
}

/// <summary>VFMADD.</summary>
internal readonly struct FusedAdd : IFusedSigns
{
    public static bool NegatesProduct => false;

    public static bool NegatesEvenAddend => false;

    public static bool NegatesOddAddend => false;
}

/// <summary>VFMSUB.</summary>
internal readonly struct FusedSubtract : IFusedSigns
{
    public static bool NegatesProduct => false;

    public static bool NegatesEvenAddend => true;

    public static bool NegatesOddAddend => true;
}

/// <summary>VFNMADD.</summary>
internal readonly struct FusedNegateAdd : IFusedSigns
{
    public static bool NegatesProduct => true;

    public static bool NegatesEvenAddend => false;

    public static bool NegatesOddAddend => false;
}

/// <summary>VFNMSUB.</summary>
internal readonly struct FusedNegateSubtract : IFusedSigns
{
    public static bool NegatesProduct => true;

    public static bool NegatesEvenAddend => true;

    public static bool NegatesOddAddend => true;
}

/// <summary>VFMADDSUB: odd lanes add, even lanes subtract.</summary>
internal readonly struct FusedAddSubtract : IFusedSigns
{
    public static bool NegatesProduct => false;

    public static bool NegatesEvenAddend => true;

    public static bool NegatesOddAddend => false;
}

/// <summary>VFMSUBADD: odd lanes subtract, even lanes add.</summary>
internal readonly struct FusedSubtractAdd : IFusedSigns
{
    public static bool NegatesProduct => false;

    public static bool NegatesEvenAddend => false;

    public static bool NegatesOddAddend => true;
}
