using System.Runtime.Intrinsics.X86;

namespace Vivarium.X86;

/// <summary>What the host's processor has that emitted code may use.</summary>
internal static class CodeHost
{
    public static bool HasAvx => Avx2.IsSupported;
}
