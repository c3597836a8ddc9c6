namespace Vivarium.X86.Tests;

/// <summary>Cases in which an engine once differed from the host's processor, made small.</summary>
public sealed class HostFindings
{
    /// <summary>SHLD and SHRD update their operand: the page fault is a write's.</summary>
    [Theory]
    [InlineData("480FA45E00FF")]
    [InlineData("480FAD5E00")]
    [InlineData("660FAC5E0006")]
    public void WriteIntentOfADoubleShift(string code) => HostRegression.Check(LabMode.User64, 0x0, code, "rsp=5f1ffd flags=2 ist=1");

    /// <summary>#GP of an address that is not canonical comes before #AC.</summary>
    [Theory]
    [InlineData("4C1B5300")]
    [InlineData("DC33")]
    [InlineData("0FC70B")]
    [InlineData("F0480FC70B")]
    public void NonCanonicalBeforeMisaligned(string code) => HostRegression.Check(LabMode.User64, 0x0, code, "rbx=c61b7101bbe9856b rsp=5f1318 flags=40002 ist=1");

    /// <summary>Operands of 80 bits are to be aligned to 8 bytes: FLD, FSTP, FBLD, FBSTP.</summary>
    [Theory]
    [InlineData("DB2E")]
    [InlineData("DB3E")]
    [InlineData("DF26")]
    [InlineData("DF36")]
    public void AlignmentOfExtendedOperands(string code) => HostRegression.Check(LabMode.User64, 0x0, code, "rsp=5f0ea8 rsi=50051c flags=40002 ist=1");

    /// <summary>FLDENV and FRSTOR of either size, to 4 and 2 bytes.</summary>
    [Theory]
    [InlineData("D926", 0x500502)]
    [InlineData("66D926", 0x500501)]
    [InlineData("DD26", 0x500502)]
    [InlineData("66DD26", 0x500501)]
    public void AlignmentOfX87Environments(string code, int address) => HostRegression.Check(LabMode.User64, 0x0, code, $"rsp=5f0ea8 rsi={address:x} flags=40002 ist=1");

    /// <summary>An unmasked underflow is precise if the result would be, were the exponent not limited.</summary>
    [Fact]
    public void PrecisionOfAnUnmaskedUnderflow() => HostRegression.Check(
        LabMode.User64, 0x0, "F20F5AC8", $"rsp=5f0d10 flags=2 ist=1 fx=7f03{new string('0', 44)}4057{new string('0', 268)}000000000000f01f");

    /// <summary>A store of some bytes of a vector across pages, of which the second refuses: nothing is stored.</summary>
    [Theory]
    [InlineData("660FF7C0")]
    [InlineData("C5F9F7C0")]
    [InlineData("C4E2792E07")]
    [InlineData("C4E27D2E07")]
    [InlineData("C4E2798E07")]
    public void MaskedStoresAreAllOrNothing(string code) => HostRegression.Check(
        LabMode.User64, 0x0, code, $"rsp=5f0ce0 rdi=501ff8 flags=2 ist=1 fx=7f03{new string('0', 44)}801f{new string('0', 268)}ffffffff00000000ffffffffffffffff");

    /// <summary>Prefixes of ES, CS, SS and DS mean nothing in 64-bit mode: an address that is not canonical is #SS if its base is RSP or RBP, else #GP.</summary>
    [Theory]
    [InlineData("360F9B00")]
    [InlineData("26014500")]
    [InlineData("2E014500")]
    [InlineData("3E014500")]
    [InlineData("36D7")]
    [InlineData("36AD")]
    public void IgnoredSegmentPrefixes(string code) => HostRegression.Check(
        LabMode.User64, 0x0, code, "rax=8000000000000280 rbx=8000000000000280 rsp=5f1003 rbp=8000000000000280 rsi=8000000000000280 flags=2 ist=1");

    /// <summary>A masked store whose first lane in the second page is left out faults at the next one.</summary>
    [Fact]
    public void AMaskedStoreFaultsAtALaneThatIsStored() => HostRegression.Check(
        LabMode.User64, 0x0, "BD04000000C4E2312E446E00", $"rsp=5f12d0 rsi=504fef flags=2 ist=1 fx=7f03{new string('0', 44)}801f{new string('0', 556)}7f8080bd7f0000000010d97f7fffce8{new string('0', 193)}");

    /// <summary>What stands behind an instruction that does not exist may be branched to, so the host is not asked if it is a system call.</summary>
    [Fact]
    public void ASystemCallBehindAnInvalidInstructionIsNotForTheHost() => Assert.False(
        HostDifferences.IsAllowed(new LabProgram(LabMode.User64, 0x0, Convert.FromHexString("4C8D0D0500000041FFE106EC0F05F4")), isIntel: true));

    /// <summary>VPERMQ and VPERMPD are defined with VEX.W = 1 alone. The engines raise #UD; AMD executes them, so the host is not asked.</summary>
    [Theory]
    [InlineData("C4E3FD00C001", -1)]
    [InlineData("C4E37D00C001", (int)ExceptionVector.InvalidOpcode)]
    [InlineData("C4E37D01C001", (int)ExceptionVector.InvalidOpcode)]
    [InlineData("C4C37D01", (int)ExceptionVector.InvalidOpcode)]
    [InlineData("2E67C4E37D0100", (int)ExceptionVector.InvalidOpcode)]
    public unsafe void PermutesWithoutW(string code, int vector)
    {
        Assert.SkipUnless(HostMachine.IsSupported && HostFeatures.HasAvx, "Needs a Linux x64 host with AVX.");
        var (program, state) = (new LabProgram(LabMode.User64, 0, Convert.FromHexString(code)), LabState.Parse("rsp=5f1ff4 flags=2 ist=1"));
        foreach (var engine in (Func<ExecutionEngineProvider?>[])[static () => null, TestEngine.Create])
        {
            using var machine = new LabMachine(engine, likeHost: true);
            machine.Run(program, state);
            var outcome = new CaseOutcome();
            Assert.True(outcome.TryRead(machine));
            Assert.Equal(vector < 0 ? (int)ExceptionVector.GeneralProtection : vector, outcome.Vector);
        }

        using var comparison = new HostComparison(TestEngine.Create);
        Assert.Null(comparison.Difference(program, state));
    }

    /// <summary>Other W, L and prefixes are what the host says.</summary>
    [Theory]
    [InlineData("C4E37900C001")]
    [InlineData("C4E37C00C001")]
    [InlineData("C4E37D03C001")]
    public void ImpossibleEncodingsBesidePermutes(string code) => HostRegression.Check(LabMode.User64, 0x0, code, "rsp=5f1ff4 flags=2 ist=1");

    /// <summary>An indirect jump into the middle of what does not exist: nobody knows which flags the instructions found there leave.</summary>
    [Fact]
    public void ABranchIntoTheMiddleOfAnInstructionIsNotForTheHost()
    {
        Assert.SkipUnless(HostMachine.IsSupported, "Needs a Linux x64 host.");
        using var comparison = new HostComparison(static () => null);
        var program = new LabProgram(LabMode.User64, 0, Convert.FromHexString("488D3503000000FFE6620FBDF266480F50F4"));
        Assert.True(program.LeadsAstray);
        Assert.Null(comparison.Difference(program, LabState.Parse("rsp=5f0cf0 flags=2 ist=1")));
        Assert.Equal(1, comparison.Discarded);
    }

    /// <summary>The same jump to the start of an instruction is asked.</summary>
    [Fact]
    public void ABranchToAnInstructionIsForTheHost() => HostRegression.Check(LabMode.User64, 0x0, "488D3503000000FFE690480F50F4", "rsp=5f0cf0 flags=2 ist=1");

    /// <summary>A loop that ends with #GP of a misaligned SHA operand, which AMD takes: there it would never end, and is not for the host.</summary>
    [Fact]
    public void ALoopThatEndsOnIntelAlone()
    {
        Assert.SkipUnless(HostMachine.IsSupported, "Needs a Linux x64 host.");
        using var comparison = new HostComparison(static () => null);
        Assert.Null(comparison.Difference(new LabProgram(LabMode.User64, 0, Convert.FromHexString("440F38C95918E9F5FFFFFF")), LabState.Parse("rcx=5f0290 rsp=5f003a flags=2 ist=1")));
        Assert.Equal(HostFeatures.IsIntel ? 0 : 1, comparison.Discarded);
    }

    /// <summary>A bit offset that leads to the pages of the lab's kernel, which the host does not have: whether a page is there is not compared.</summary>
    [Fact]
    public void ABitOfTheKernelsPagesFaultsOnBoth() => HostRegression.Check(LabMode.User64, 0x0, "41B9A498008F4D0FB34C2400", "rsp=5f1248 r12=5021f0 flags=2 ist=1");

    /// <summary>A return address that was changed: a flag that SHLD leaves undefined comes along to where it leads, and is read there.</summary>
    [Fact]
    public void UndefinedFlagsReturnAnywhere()
    {
        Assert.SkipUnless(HostMachine.IsSupported, "Needs a Linux x64 host.");
        using var comparison = new HostComparison(TestEngine.Create);
        var program = new LabProgram(LabMode.User64, 0, Convert.FromHexString("0F820600000066450F407100E8000000006566670FA41425230000000A0F96442400C3"));
        Assert.Null(comparison.Difference(program, LabState.Parse("rdx=74833b81f1f507a6 rsp=5f0ee0 flags=3 gs=500570 ist=1")));
        Assert.Equal(1, comparison.Discarded);
    }

    /// <summary>Where it leads to something that defines the flags they are compared.</summary>
    [Theory]
    [InlineData("E800000000480FACDB0783042409C39083F841")]
    [InlineData("E80000000083042404C3")]
    public void DefinedFlagsBehindAReturn(string code) => HostRegression.Check(LabMode.User64, 0x0, code, "rax=3 rbx=1 rsp=5f0ee0 flags=2 ist=1");

    /// <summary>VPCMPISTRI and VPCMPESTRI write ECX: what is at [RCX] behind them is elsewhere, in the next round of an unrolled loop too.</summary>
    [Theory]
    [InlineData("C5F0156900C4E379634600004183EF017FEE")]
    [InlineData("C5F0156900C4E379614600004183EF017FEE")]
    [InlineData("C5F0156900660F3A634600004183EF017FEE")]
    public void AnIndexInEcxChangesTheAddress(string code) =>
        HostRegression.Check(LabMode.User64, 0x0, code, "rax=10 rdx=10 rcx=5f0700 rsp=5f1308 rsi=5049c0 r15=5 flags=2 ist=1");
}
