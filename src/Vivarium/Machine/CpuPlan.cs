using Vivarium.Memory;
using Vivarium.X86;

namespace Vivarium;

/// <summary>Everything that one processor is built from.</summary>
internal sealed record CpuPlan
{
    public required int Index { get; init; }

    public required int CpuCount { get; init; }

    public required CpuModel Model { get; init; }

    public required GuestMemory Memory { get; init; }

    public required IPortIo PortIo { get; init; }

    public required IMmioPort MmioPort { get; init; }

    public required IVmClock Clock { get; init; }

    public required IEntropySource Entropy { get; init; }

    public required ILocalApic LocalApic { get; init; }

    public required IReadOnlyList<IMsrHandler> MsrHandlers { get; init; }

    public IHypercallHandler? HypercallHandler { get; init; }

    /// <summary>The processor that starts by itself.</summary>
    public bool IsBootstrap => Index == 0;
}
