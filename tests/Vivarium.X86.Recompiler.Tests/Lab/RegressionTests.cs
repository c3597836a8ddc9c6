namespace Vivarium.X86.Tests;

/// <summary>Cases that the engines once disagreed on.</summary>
public sealed class RegressionTests
{
    [Fact]
    public void ABranchToWhatFollowsIt() => LabRegression.Check(
        LabMode.User64,
        0x0,
        "7400",
        "rsp=5f0d40 flags=2 ist=1");

    [Fact]
    public void TheOldEncodingOfByteImmediates() => LabRegression.Check(
        LabMode.Kernel32,
        0x0,
        "82F208",
        "rsp=5f1098 flags=2 ist=1");

    [Fact]
    public void ACallToANonCanonicalAddressPushesNothing() => LabRegression.Check(
        LabMode.User64,
        0x0,
        "FFD1",
        "rcx=88c12e98fbbc8a86 rsp=5f1100 flags=2 ist=1");

    [Fact]
    public void ACallToANonCanonicalAddressFaultsBeforeItsStack() => LabRegression.Check(
        LabMode.User64,
        0x0,
        "FFD3",
        "rbx=4be63da151d77a54 rsp=502490 flags=2 ist=1");

    [Fact]
    public void SysretOfAUserFaultsWithTheFlagsThatItWouldReplace() => LabRegression.Check(
        LabMode.User64,
        0x0,
        "83FC23C46223F74200480F07",
        "rdx=5002e0 rsp=5f11c0 flags=2 ist=1");

    [Fact]
    public void AReturnToANonCanonicalAddressDoesNotCount() => LabRegression.Check(
        LabMode.User64,
        0x0,
        "55C3",
        "rsp=5f1210 rbp=8000000000000000 flags=2 ist=1");
}
