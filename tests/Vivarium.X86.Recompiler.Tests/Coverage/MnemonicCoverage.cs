using Iced.Intel;

namespace Vivarium.X86.Tests;

/// <summary>How many forms of an instruction there are, and of how many something is true.</summary>
/// <param name="Mnemonic">The instruction.</param>
/// <param name="Feature">What CPUID calls the feature that its first encoding came with.</param>
/// <param name="Forms">Its forms.</param>
/// <param name="Interpreted">Those that the interpreter has.</param>
/// <param name="Native">Those that the recompiler emits code for.</param>
/// <param name="OnHost">Those that are compared with the host's processor.</param>
/// <param name="OnInterpreter">Those on which the recompiler is compared with the interpreter.</param>
internal sealed record MnemonicCoverage(Mnemonic Mnemonic, string Feature, int Forms, int Interpreted, int Native, int OnHost, int OnInterpreter)
{
    /// <summary>Those for which the recompiler calls the interpreter.</summary>
    public int Fallback => Interpreted - Native;
}
