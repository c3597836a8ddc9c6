namespace Vivarium.X86.Tests;

/// <summary>What Intel's processors do and AMD's do not, each as it was found, made small. The engines are like Intel's.</summary>
public sealed class HostVendorFindings
{
    /// <summary>The address of a store that an unmasked exception prevents: FST, FSTP, FIST, FISTP, FISTTP, FBSTP. Processors look at it or not.</summary>
    [Theory]
    [InlineData("D910")]
    [InlineData("DD18")]
    [InlineData("DB38")]
    [InlineData("DF10")]
    [InlineData("DB18")]
    [InlineData("DD08")]
    [InlineData("DF30")]
    public void AddressOfAPreventedStore(string code) => CheckOnIntel(code, "rax=505000 rsp=5f0ea8 flags=2 ist=1 fx=64030000");

    /// <summary>VCVTPS2PH with an unmasked exception and a fault of its address: which comes first is the processor's choice.</summary>
    [Fact]
    public void AddressAgainstNumbers() =>
        CheckOnIntel("C4E3791D0800", $"rax=505000 rsp=5f1250 flags=2 ist=1 fx=7f03{new string('0', 44)}0016{new string('0', 300)}803f0100803f0100803f0100803f");

    /// <summary>Repeated string instructions with 32-bit addresses and no element, or one that faults, write RCX; those with fast-string operation the index registers.</summary>
    [Theory]
    [InlineData("67F3A4", 0x700000000)]
    [InlineData("67F348AB", 0x700000000)]
    [InlineData("67F3AC", 0x700000000)]
    [InlineData("67F2A7", 0x700000000)]
    [InlineData("67F3AE", 0x700000000)]
    [InlineData("67F3A4", 0x700000003)]
    [InlineData("67F3AA", 0x700000003)]
    [InlineData("67F2AE", 0x700000003)]
    public void UpperHalvesOfNarrowRepetitions(string code, long count) => CheckOnIntel(code, $"rcx={count:x} rsp=5f0d48 rsi=7ffff00000010 rdi=7ffff00000020 flags=2 ist=1");

    /// <summary>Conversions of halves never report #AC, to and from 8 bytes of memory.</summary>
    [Theory]
    [InlineData("C4E2791308")]
    [InlineData("C4E3791D0800")]
    public void HalvesAreNotToBeAligned(string code) => CheckOnIntel(code, "rax=500123 rsp=5f0d48 flags=40002 ist=1");

    /// <summary>Of a misaligned operand across the end of canonical addresses #AC comes first.</summary>
    [Theory]
    [InlineData("490F7F00", "r8=7ffffffffff9")]
    [InlineData("498B00", "r8=7ffffffffffc")]
    public void MisalignedAcrossTheEndOfCanonicalAddresses(string code, string state) => CheckOnIntel(code, state + " rsp=5f0d48 flags=40002 ist=1");

    /// <summary>A vector's masked store with 32-bit addresses goes on behind the first 4 GiB.</summary>
    [Fact]
    public void LanesBehindFourGigabytes()
    {
        Assert.SkipUnless(HostFeatures.IsIntel, "Which address of the operand a page fault reports is seen on Intel's processors alone.");
        HostRegression.Check(LabMode.User64, 0x0, "67C4E2FD8C0C25FFFFFFFF", $"rsp=5f0e10 flags=2 ist=1 fx=7f03{new string('0', 44)}801f{new string('0', 620)}{new string('f', 32)}");
    }

    /// <summary>A page fault in the middle of REPE CMPS and REPNE SCAS leaves the flags from before it.</summary>
    [Theory]
    [InlineData("F3A6")]
    [InlineData("F248A7")]
    [InlineData("F2AE")]
    [InlineData("FDF2AF")]
    public void FlagsOfAComparisonThatFaults(string code) => HostRegression.Check(
        LabMode.User64, 0x0, code, "rax=1 rcx=5000 rsp=5f0d48 rsi=500ff0 rdi=500ff0 flags=8c3 ist=1");

    /// <summary>
    /// What processors do differently, each as it was found: LOCK VERW; offsets from GS that are not canonical; calls with a bad target and a misaligned
    /// stack; moves between two mappings of one page; and what is left behind by faults of MMX stores, VCVTPS2PH, calls, and stores of 80 bits;
    /// PE of an underflow that is not masked.
    /// </summary>
    [Theory]
    [InlineData("F00F002C", "rsp=504fee flags=2 ist=1")]
    [InlineData("650F6738", "rax=800000000000 rsp=5f1fe7 flags=40002 gs=fffffffffffffff4 ist=1")]
    [InlineData("658B08", "rax=800000000000 rsp=5f1fe8 flags=2 gs=fffffffffffffff4 ist=1")]
    [InlineData("FFD7", "rsp=5f1fcf rdi=b47c49cf88e7dbda flags=40002 ist=1")]
    [InlineData("41FFD4", "rsp=5f100f r12=a7ea4c22be31215d flags=40002 ist=1")]
    [InlineData("F3A5", "rcx=500fe3 rsp=5f1248 rsi=507840 rdi=500860 flags=2 data=36 ist=1")]
    [InlineData("F365A5", "rcx=500840 rsp=5f10b8 rdi=507440 flags=2 gs=500420 data=18 ist=1")]
    [InlineData("0F7F00", "rsp=5f10b8 flags=2 ist=1 fx=7f030015ff")]
    [InlineData("C4C3791D1FDE", "rsp=5f0f40 flags=2 ist=1")]
    [InlineData("41FFD3", "rsp=5f0f30 r11=7ffffffffffffff flags=2 ist=1")]
    [InlineData("DF7500", "rsp=5f0d50 rbp=501ff7 flags=2 ist=1")]
    [InlineData("67C4E279345D00C4E37D1DDB00", "rsp=5f0e88 rbp=5f0690 flags=2 data=3 ist=1 fx=7f0300000000000000000000000000000000000000000000004700")]
    public void WhatProcessorsDoDifferentlyIsNoFailure(string code, string state)
    {
        Assert.SkipUnless(HostMachine.IsSupported, "Needs a Linux x64 host.");
        using var comparison = new HostComparison(TestEngine.Create);
        Assert.Null(comparison.Difference(new LabProgram(LabMode.User64, 0, Convert.FromHexString(code)), LabState.Parse(state)));
        Assert.Equal(1, comparison.Compared + comparison.Discarded);
    }

    /// <summary>Elsewhere the case is open.</summary>
    private static void CheckOnIntel(string code, string state)
    {
        Assert.SkipUnless(HostMachine.IsSupported, "Needs a Linux x64 host.");
        using var comparison = new HostComparison(TestEngine.Create);
        Assert.Null(comparison.Difference(new LabProgram(LabMode.User64, 0, Convert.FromHexString(code)), LabState.Parse(state)));
        Assert.Equal(HostFeatures.IsIntel ? 1 : 0, comparison.Compared);
    }
}
