using System.Numerics;
using System.Runtime.InteropServices;
using Iced.Intel;

namespace Vivarium.X86.Tests;

/// <summary>
/// DPPS and DPPD with NaNs: "horizontal propagation of NaNs to the destination and the positioning of those NaNs in the destination is
/// implementation dependent" (Intel SDM Vol. 2A, DPPS). Intel's processors choose another in each lane.
/// </summary>
internal static class DotProducts
{
    public static bool Contains(Mnemonic mnemonic) => IsSingle(mnemonic) || mnemonic is Mnemonic.Dppd or Mnemonic.Vdppd;

    /// <summary>Whether a lane of a result is a NaN.</summary>
    public static bool HasNaN(Mnemonic mnemonic, ReadOnlySpan<byte> vector) =>
        IsSingle(mnemonic) ? HasNaN(MemoryMarshal.Cast<byte, float>(vector)) : HasNaN(MemoryMarshal.Cast<byte, double>(vector));

    /// <summary>Makes lanes that are NaNs in both results equal.</summary>
    public static void Settle(Mnemonic mnemonic, ReadOnlySpan<byte> expected, Span<byte> actual)
    {
        if (IsSingle(mnemonic))
        {
            Settle(MemoryMarshal.Cast<byte, float>(expected), MemoryMarshal.Cast<byte, float>(actual));
        }
        else if (Contains(mnemonic))
        {
            Settle(MemoryMarshal.Cast<byte, double>(expected), MemoryMarshal.Cast<byte, double>(actual));
        }
    }

    private static bool IsSingle(Mnemonic mnemonic) => mnemonic is Mnemonic.Dpps or Mnemonic.Vdpps;

    private static bool HasNaN<T>(ReadOnlySpan<T> lanes)
        where T : IFloatingPointIeee754<T>
    {
        foreach (var lane in lanes)
        {
            if (T.IsNaN(lane))
            {
                return true;
            }
        }

        return false;
    }

    private static void Settle<T>(ReadOnlySpan<T> expected, Span<T> actual)
        where T : IFloatingPointIeee754<T>
    {
        for (var i = 0; i < actual.Length; i++)
        {
            actual[i] = T.IsNaN(expected[i]) && T.IsNaN(actual[i]) ? expected[i] : actual[i];
        }
    }
}
