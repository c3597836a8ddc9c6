using Vivarium.Memory;

namespace Vivarium.X86;

/// <summary>What a processor is built from. Only <see cref="Memory"/> is required.</summary>
public sealed record X86CpuOptions
{
    /// <summary>Guest-physical memory, shared by the processors of a machine.</summary>
    public required GuestMemory Memory { get; init; }

    /// <summary>The processor's number, from 0. Default 0.</summary>
    public int Index { get; init; }

    /// <summary>Processors of the machine, as CPUID reports them. Default 1, range 1 to 255.</summary>
    public int CpuCount { get; init; } = 1;

    /// <summary>Whether it starts at the reset vector; others wait for a startup IPI. Default true.</summary>
    public bool IsBootstrap { get; init; } = true;

    /// <summary>The CPU model. Default <see cref="CpuModel.Max"/>.</summary>
    public CpuModel Model { get; init; } = CpuModel.Max;

    /// <summary>What executes guest code, shared by the processors of a machine. Default null: the interpreter.</summary>
    public ExecutionEngineProvider? Engine { get; init; }

    /// <summary>
    /// Whether <see cref="X86Cpu.Run"/> executes exactly as many instructions as its budget says, on any engine, unless it returns for another
    /// reason. Faults and the steps of a repeated string instruction are not charged; only after some 260,000 faults, or 1 GiB of one
    /// string instruction, without an instruction that completes does it return early. While it is set <see cref="X86Cpu.InstructionCount"/> is
    /// right inside every call to a device, clock, MSR handler or hypercall handler too: what reaches them runs alone, which costs up to some
    /// hundred nanoseconds each. Besides, the end of each run is interpreted, 63 instructions at most. Default false: a run may exceed its
    /// budget by those.
    /// </summary>
    public bool ExactBudget { get; init; }

    /// <summary>Where IN and OUT go. Default: reads give all ones, writes are dropped.</summary>
    public IPortIo? PortIo { get; init; }

    /// <summary>Where accesses outside RAM go. Default: reads give all ones, writes are dropped.</summary>
    public IMmioPort? MmioPort { get; init; }

    /// <summary>Guest time. Default: a clock that advances one nanosecond an instruction.</summary>
    public IVmClock? Clock { get; init; }

    /// <summary>Frequency of the time-stamp counter in Hz. Default 1,000,000,000; range 1 MHz to 10 GHz.</summary>
    public ulong TscFrequencyHz { get; init; } = 1_000_000_000;

    /// <summary>MSRs that devices implement. Default none.</summary>
    public IReadOnlyList<IMsrHandler> MsrHandlers { get; init; } = [];

    /// <summary>What answers VMCALL and VMMCALL; without one they raise #UD.</summary>
    public IHypercallHandler? Hypercalls { get; init; }

    /// <summary>EAX of CPUID leaf 0x40000001 (KVM feature bits); null reports no hypervisor interface.</summary>
    public uint? HypervisorFeatures { get; init; }

    /// <summary>Source of RDRAND and RDSEED. Default: the host's cryptographic generator.</summary>
    public IEntropySource? Entropy { get; init; }

    /// <summary>The FERR# output: called with the level when an x87 error occurs while CR0.NE is 0.</summary>
    public Action<bool>? FerrChanged { get; init; }
}
