namespace Vivarium.X86.Tests;

public sealed class WarmUpTests
{
    [Fact]
    public void AllItsCodeIsTranslated() => Assert.Equal(WarmUp.CodeBytes, WarmUp.Translate());
}
