namespace Vivarium.X86.Tests;

/// <summary>Cases that the lab found, made small.</summary>
public sealed class LabFindings
{
    /// <summary>Opcode 82 exists only outside 64-bit mode.</summary>
    [Fact]
    public void AliasOfGroup1() => LabRegression.Check(LabMode.User32, 0x0, "82ECA1", "rsp=5f0f28 flags=2 ist=1");
}
