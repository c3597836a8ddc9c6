namespace Vivarium.X86;

/// <summary>What a processor offers instructions beyond its registers and memory.</summary>
internal sealed class CpuServices
{
    public required ModelSpecificRegisters Msrs { get; init; }

    public required TimeStampCounter Tsc { get; init; }

    public required CpuidOptions Cpuid { get; init; }

    public required IEntropySource Entropy { get; init; }

    public IHypercallHandler? Hypercalls { get; init; }
}
