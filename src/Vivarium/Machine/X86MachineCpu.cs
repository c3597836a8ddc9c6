using Vivarium.Devices;
using Vivarium.X86;

namespace Vivarium;

/// <summary>An x86 processor on a machine's board.</summary>
internal sealed class X86MachineCpu : IMachineCpu, IExactVcpu
{
    private readonly KvmParavirt _paravirt;

    public X86MachineCpu(CpuPlan plan)
    {
        _paravirt = plan.Paravirt;
        Cpu = new X86Cpu(new X86CpuOptions
        {
            Index = plan.Index,
            IsBootstrap = plan.IsBootstrap,
            CpuCount = plan.CpuCount,
            Model = plan.Model,
            Memory = plan.Memory,
            Engine = plan.Engine,
            ExactBudget = plan.ExactBudget,
            PortIo = plan.PortIo,
            MmioPort = plan.MmioPort,
            Clock = plan.Clock,
            TscFrequencyHz = CpuPlan.TscFrequencyHz,
            Entropy = plan.Entropy,
            MsrHandlers = plan.MsrHandlers,
            Hypercalls = plan.Paravirt,
            HypervisorFeatures = KvmCpuid.Features,
            FerrChanged = plan.FerrChanged,
        })
        {
            LocalApic = plan.LocalApic,
            TscChanged = () =>
            {
                plan.LocalApic.OnTscChanged();
                plan.Paravirt.OnTscChanged();
            },
        };
    }

    /// <summary>The processor itself, for debuggers.</summary>
    public X86Cpu Cpu { get; }

    public int Index => Cpu.Index;

    public bool HasWork => Cpu.HasWork;

    public bool HasExactBudget => Cpu.HasExactBudget;

    public ulong InstructionCount => Cpu.InstructionCount;

    public IVcpuWaker? Waker
    {
        get => Cpu.Waker;
        set => Cpu.Waker = value;
    }

    public ITscSource Tsc => Cpu.Tsc;

    public bool IsA20Open
    {
        get => Cpu.A20Enabled;
        set => Cpu.A20Enabled = value;
    }

    public string StateName => Cpu.StateName;

    public int StateVersion => ((IStateUnit)Cpu).StateVersion;

    public IVcpuSchedule? Schedule { get; set; }

    public VcpuExit Run(long instructionBudget)
    {
        if (Schedule is { } schedule)
        {
            _paravirt.UpdateSteal(schedule.Usage.StealNs);
        }

        return Cpu.Run(instructionBudget);
    }

    public void RequestStop() => Cpu.RequestStop();

    public void SignalInterrupt() => Cpu.SignalInterrupt();

    public void SignalNmi() => Cpu.SignalNmi();

    public void SignalInit() => Cpu.SignalInit();

    public void SignalStartup(byte vector) => Cpu.SignalStartup(vector);

    public void SignalKick() => Cpu.SignalKick();

    public void Reset() => Cpu.Reset();

    public void Start()
    {
        ((IStateUnit)Cpu).Start();
    }

    public void Stop()
    {
        ((IStateUnit)Cpu).Stop();
    }

    public void Save(StateWriter writer) => Cpu.Save(writer);

    public void Restore(StateReader reader) => Cpu.Restore(reader);

    public void Dispose() => Cpu.Dispose();

    public void Start(CpuStartState state)
    {
        Cpu[X86Register.Rax] = state.Rax;
        Cpu[X86Register.Rbx] = state.Rbx;
        Cpu[X86Register.Rsi] = state.Rsi;
        Cpu[X86Register.Rsp] = state.Rsp;
        Cpu[X86Register.Rip] = state.Rip;
        Cpu[X86Register.Rflags] = state.Rflags;
        Cpu[X86Register.GdtBase] = state.GdtBase;
        Cpu[X86Register.GdtLimit] = state.GdtLimit;

        // In the order in which a guest would enter the mode: each value is valid with those before it.
        Cpu[X86Register.Cr4] = state.Cr4;
        Cpu[X86Register.Cr3] = state.Cr3;
        Cpu[X86Register.Efer] = state.Efer;
        Cpu[X86Register.Cr0] = state.Cr0;
        SetSegment(X86Segment.Cs, state.Code);
        foreach (var segment in (X86Segment[])[X86Segment.Ds, X86Segment.Es, X86Segment.Fs, X86Segment.Gs, X86Segment.Ss])
        {
            SetSegment(segment, state.Data);
        }

        if (state.Task is { } task)
        {
            SetSegment(X86Segment.Tr, task);
        }
    }

    private void SetSegment(X86Segment segment, SegmentStart start) =>
        Cpu.SetSegment(segment, start.Selector, start.Base, start.Limit, start.AccessRights);
}
