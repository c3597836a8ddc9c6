using Vivarium.Devices;
using Vivarium.Memory;
using Vivarium.X86;

namespace Vivarium;

/// <summary>Everything that one processor is built from.</summary>
internal sealed record CpuPlan
{
    /// <summary>The TSC counts guest nanoseconds: nothing to convert, and finer than a guest could tell.</summary>
    public const ulong TscFrequencyHz = 1_000_000_000;

    public required int Index { get; init; }

    public required int CpuCount { get; init; }

    public required CpuModel Model { get; init; }

    public required GuestMemory Memory { get; init; }

    /// <summary>What executes guest code, one for all processors of the machine; null is the interpreter.</summary>
    public required ExecutionEngineProvider? Engine { get; init; }

    /// <summary>Whether runs execute exactly their budget.</summary>
    public required bool ExactBudget { get; init; }

    public required IPortIo PortIo { get; init; }

    public required IMmioPort MmioPort { get; init; }

    public required IVmClock Clock { get; init; }

    public required IEntropySource Entropy { get; init; }

    public required LocalApic LocalApic { get; init; }

    public required KvmParavirt Paravirt { get; init; }

    /// <summary>Called with the level of FERR#, on the vCPU's thread without the device lock.</summary>
    public required Action<bool> FerrChanged { get; init; }

    public IReadOnlyList<IMsrHandler> MsrHandlers => [LocalApic, Paravirt];

    /// <summary>The processor that starts by itself.</summary>
    public bool IsBootstrap => Index == 0;
}
