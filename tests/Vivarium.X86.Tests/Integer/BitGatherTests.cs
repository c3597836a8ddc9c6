using System.Runtime.Intrinsics.X86;
using FsCheck.Xunit;

namespace Vivarium.X86.Tests;

/// <summary>The software versions of PDEP and PEXT.</summary>
public sealed class BitGatherTests
{
    [Property]
    public bool ExtractingUndoesDepositing(int seed)
    {
        var (value, mask) = Pair(seed);
        return BitGather.Extract(BitGather.Deposit(value, mask), mask) == (value & BitGather.Extract(ulong.MaxValue, mask));
    }

    [Property]
    public bool AgreesWithTheHost(int seed)
    {
        var (value, mask) = Pair(seed);
        return !Bmi2.X64.IsSupported
        || (BitGather.Deposit(value, mask) == Bmi2.X64.ParallelBitDeposit(value, mask) && BitGather.Extract(value, mask) == Bmi2.X64.ParallelBitExtract(value, mask));
    }

    private static (ulong Value, ulong Mask) Pair(int seed)
    {
        var operands = new Operands(seed);
        return (operands.Bits(), operands.Next(2) == 0 ? operands.Bits() : operands.Double());
    }
}
