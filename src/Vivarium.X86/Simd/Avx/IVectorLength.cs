namespace Vivarium.X86;

/// <summary>VEX.L: whether an instruction works on 128 or on 256 bits. Tests of it fold away in each instantiation.</summary>
internal interface IVectorLength
{
    static abstract bool Is256 { get; }
}

/// <summary>VEX.128: bits 255:128 of the destination become zero.</summary>
internal readonly struct Length128 : IVectorLength
{
    public static bool Is256 => false;
}

/// <summary>VEX.256.</summary>
internal readonly struct Length256 : IVectorLength
{
    public static bool Is256 => true;
}
