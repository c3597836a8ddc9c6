namespace Vivarium.X86.Tests;

/// <summary>Cases that the lab found, made small.</summary>
public sealed class LabFindings
{
    /// <summary>Opcode 82 exists only outside 64-bit mode.</summary>
    [Fact]
    public void AliasOfGroup1() => LabRegression.Check(LabMode.User32, 0x0, "82ECA1", "rsp=5f0f28 flags=2 ist=1");

    /// <summary>FLDCW unmasks an exception that is pending, where the interpreter runs it because of the TLB: what follows must fault.</summary>
    [Fact]
    public void UnmaskingBehindATlbMiss() => LabRegression.Check(LabMode.Kernel64, 0x0, "6741D96C2400D8D2", "rsp=5f0df8 r12=5002d0 flags=2 fx=7f030100");

    /// <summary>The same where the TLB has the page.</summary>
    [Fact]
    public void UnmaskingWithATlbHit() => LabRegression.Check(LabMode.Kernel64, 0x0, "4D8B2C246741D96C2400D8D2", "rsp=5f0df8 r12=5002d0 flags=2 fx=7f030100");

    /// <summary>FCOMI clears C1, OF, SF and AF on every host.</summary>
    [Theory]
    [InlineData("DBF1")]
    [InlineData("DFF1")]
    [InlineData("DBE9")]
    [InlineData("DFE9")]
    public void CompareToFlags(string code) => LabRegression.Check(LabMode.User64, 0x0, code, "rsp=5f0df8 flags=8d7 fx=7f030002ff");

    /// <summary>A result that passes through the register of the group's host address.</summary>
    [Fact]
    public void ResultInTheAddressOfAGroup() => LabRegression.Check(
        LabMode.Kernel64, 0x0, "674C0FAC490046C4E230F35900480FA47900FF", "rcx=504540 rsp=5f0fee flags=2 ist=1");

    /// <summary>BLSMSK to a register that passes through a temporary, between accesses that are looked up once.</summary>
    [Fact]
    public void ResultInPlaceOfAHeldAddress() => LabRegression.Check(LabMode.Kernel64, 0x0, "E800000000C4E228F354240050", "rsp=5f10a0 flags=2 ist=1");

    /// <summary>FLDCW, whose operand was looked up with that of the COMISD before it, keeps that one's flags.</summary>
    [Fact]
    public void FlagsBeforeUnmasking() => LabRegression.Check(
        LabMode.User64,
        0x0,
        "490FAE460041BBE01750006741D8530066410F2F4B006741D96B00",
        "rsp=5f0da8 r14=500f10 flags=2 ist=1");

    /// <summary>MULX to one register twice drops its low half in the register of the group's host address.</summary>
    [Fact]
    public void DroppedResultInTheAddressOfAGroup() =>
        LabRegression.Check(LabMode.Kernel64, 0x0, "C46233F60FC4E2F8F35FF8", "rsp=5f1218 rdi=5f0740 flags=2 ist=1");

    /// <summary>AF is undefined behind a shift, and the flags of an exception's frame go to a device.</summary>
    [Fact]
    public void UndefinedFlagsInAFrameOnADevice() => LabRegression.Check(LabMode.Kernel32, 0x0, "D1E8D97300", "rsp=506008 flags=2");
}
