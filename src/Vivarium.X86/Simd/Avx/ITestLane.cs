using System.Runtime.Intrinsics;

namespace Vivarium.X86;

/// <summary>The bits that a test of vectors looks at.</summary>
internal interface ITestLane
{
    static abstract Vector256<byte> Bits { get; }
}

/// <summary>VPTEST.</summary>
internal readonly struct AllBits : ITestLane
{
    public static Vector256<byte> Bits => Vector256<byte>.AllBitsSet;
}

/// <summary>VTESTPS.</summary>
internal readonly struct SingleSigns : ITestLane
{
    public static Vector256<byte> Bits => Vector256.Create(Binary32.SignBit).AsByte();
}

/// <summary>VTESTPD.</summary>
internal readonly struct DoubleSigns : ITestLane
{
    public static Vector256<byte> Bits => Vector256.Create(Binary64.SignBit).AsByte();
}
