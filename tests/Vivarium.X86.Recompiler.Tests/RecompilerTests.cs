using System.Runtime.InteropServices;

namespace Vivarium.X86.Tests;

public sealed class RecompilerTests
{
    [Fact]
    public void IsSupportedOnX64() => Assert.Equal(RuntimeInformation.ProcessArchitecture == Architecture.X64, Recompiler.IsSupported);
}
