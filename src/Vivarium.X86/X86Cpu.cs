using Vivarium.Memory;

namespace Vivarium.X86;

/// <summary>
/// An x86-64 processor: registers, memory management, exceptions and an interpreter. It owns no thread; see <see cref="IVcpu"/>.
/// Members are for the thread that runs it, or for any while it is parked, unless said otherwise.
/// </summary>
public sealed unsafe partial class X86Cpu : IExactVcpu, IVcpuSignals, IStateUnit, IPageTagHolder, ICodePageListener, IDisposable
{
    private readonly VcpuMemory _memory = new();
    private readonly CpuState* _state;
    private readonly CpuCore _core;
    private readonly Interpreter _interpreter;
    private readonly IExecutionEngine _engine;
    private readonly RevocationParticipant _revocation;
    private readonly TimeStampCounter _tsc;
    private readonly X86CpuOptions _options;

    /// <summary>Builds a processor and resets it.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A number in <paramref name="options"/> is out of its range.</exception>
    public X86Cpu(X86CpuOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentOutOfRangeException.ThrowIfNegative(options.Index);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.CpuCount, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(options.CpuCount, 255);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.TscFrequencyHz, 1_000_000UL);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(options.TscFrequencyHz, 10_000_000_000UL);
        _options = options;
        Index = options.Index;

        _state = _memory.State;
        var unclaimed = new UnclaimedIo();
        _core = new CpuCore(_memory, options.Memory, options.PortIo ?? unclaimed, options.MmioPort ?? unclaimed, options.Model)
        {
            FerrChanged = options.FerrChanged,
            HasExactBudget = options.ExactBudget,
        };
        _tsc = new TimeStampCounter(_state, options.Clock ?? new InstructionClock(_state), options.TscFrequencyHz);
        _core.Services = new CpuServices
        {
            Msrs = new ModelSpecificRegisters(_core, options.MsrHandlers, _tsc),
            Tsc = _tsc,
            Cpuid = new CpuidOptions(options.Model, options.CpuCount, (long)options.TscFrequencyHz, options.HypervisorFeatures),
            Entropy = options.Entropy ?? new HostEntropy(),
            Hypercalls = options.Hypercalls,
        };
        _revocation = options.Memory.Revocation.Register(this);
        _core.Revocation = _revocation;
        _interpreter = new Interpreter(_core);
        _engine = options.Engine?.Create(_memory, _core, _interpreter) ?? _interpreter;
        _core.Engine = _engine;
        options.Memory.AddCodeListener(this);
        Reset();
    }

    /// <inheritdoc/>
    public int Index { get; }

    /// <inheritdoc/>
    public IVcpuWaker? Waker { get; set; }

    /// <summary>The local APIC. Set once, before the first run.</summary>
    public ILocalApic? LocalApic
    {
        get => _core.LocalApic;
        set => _core.LocalApic = value;
    }

    /// <summary>The time-stamp counter, for the local APIC's deadline timer and paravirtual clocks.</summary>
    public ITscSource Tsc => _tsc;

    /// <summary>Called on the vCPU's thread after the guest moved its time-stamp counter, for what derives from it. Set before the first run.</summary>
    public Action? TscChanged
    {
        get => _tsc.Changed;
        set => _tsc.Changed = value;
    }

    /// <summary>The CPU model.</summary>
    public CpuModel Model => _options.Model;

    /// <summary>See <see cref="X86CpuOptions.ExactBudget"/>.</summary>
    public bool HasExactBudget => _core.HasExactBudget;

    /// <summary>Instructions completed since reset. Exact while parked, and inside calls that the processor makes while budgets are exact.</summary>
    public ulong InstructionCount => _state->InstructionCount;

    /// <summary>Its state, for whoever sees it parked.</summary>
    internal CpuState* State => _state;

    internal CpuCore Core => _core;

    /// <summary>Width of the code segment's instructions: 16, 32 or 64.</summary>
    internal int CodeBits => _core.IsLongMode && (_state->Cs.Attributes & SegmentRegister.Long) != 0 ? 64 : (_state->Cs.Attributes & SegmentRegister.Default32) != 0 ? 32 : 16;

    /// <summary>Current privilege level, 0 to 3.</summary>
    public int Cpl => (int)_state->Cpl;

    /// <summary>Whether address line 20 reaches memory. Default true. Set while the processor is parked or from its own device accesses.</summary>
    public bool A20Enabled
    {
        get => (_core.AddressMask & (1 << 20)) != 0;
        set
        {
            var mask = value ? PageEntry.PhysicalMask : PageEntry.PhysicalMask & ~(1UL << 20);
            if (mask != _core.AddressMask)
            {
                _core.AddressMask = mask;
                _core.FlushTlb();
            }
        }
    }

    /// <summary>
    /// Reads or writes a register. Writing CR0, CR3, CR4 or EFER makes the change as MOV would, without its checks: the caller
    /// answers for a state that makes sense.
    /// </summary>
    public ulong this[X86Register register]
    {
        get => register switch
        {
            <= X86Register.R15 and >= X86Register.Rax => _state->Gpr[(int)register],
            X86Register.Rip => _state->Rip,
            X86Register.Rflags => LazyFlags.GetAll(_state),
            X86Register.Cr0 => _state->Cr0,
            X86Register.Cr2 => _state->Cr2,
            X86Register.Cr3 => _state->Cr3,
            X86Register.Cr4 => _state->Cr4,
            X86Register.Efer => _state->Efer,
            X86Register.GdtBase => _state->GdtBase,
            X86Register.GdtLimit => _state->GdtLimit,
            X86Register.IdtBase => _state->IdtBase,
            X86Register.IdtLimit => _state->IdtLimit,
            _ => throw new ArgumentOutOfRangeException(nameof(register), register, "There is no such register."),
        };
        set
        {
            switch (register)
            {
                case <= X86Register.R15 and >= X86Register.Rax: _state->Gpr[(int)register] = value; break;
                case X86Register.Rip: _state->Rip = value; break;
                case X86Register.Rflags: LazyFlags.SetAll(_state, value); break;
                case X86Register.Cr0: _state->Cr0 = value; break;
                case X86Register.Cr2: _state->Cr2 = value; break;
                case X86Register.Cr3: _state->Cr3 = value; break;
                case X86Register.Cr4: _state->Cr4 = value; break;
                case X86Register.Efer: _state->Efer = value; break;
                case X86Register.GdtBase: _state->GdtBase = value; break;
                case X86Register.GdtLimit: _state->GdtLimit = (ushort)value; break;
                case X86Register.IdtBase: _state->IdtBase = value; break;
                case X86Register.IdtLimit: _state->IdtLimit = (ushort)value; break;
                default: throw new ArgumentOutOfRangeException(nameof(register), register, "There is no such register.");
            }

            if (register >= X86Register.Rflags)
            {
                ControlRegisters.ReloadPointers(_core);
                _core.FlushTlb();
                _core.UpdateMode();
            }
        }
    }

    /// <summary>Sets a segment register with its hidden part.</summary>
    /// <param name="segment">Which one; setting CS also sets CPL to its DPL.</param>
    /// <param name="selector">The visible selector.</param>
    /// <param name="baseAddress">Linear address of offset 0.</param>
    /// <param name="limit">Last valid offset in bytes.</param>
    /// <param name="accessRights">Type 3:0, S 4, DPL 6:5, P 7, AVL 12, L 13, D/B 14, G 15, unusable 16 (Intel SDM Vol. 3C §25.4.1).</param>
    public void SetSegment(X86Segment segment, ushort selector, ulong baseAddress, uint limit, uint accessRights)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((int)segment, (int)X86Segment.Tr);
        _core.Segment((int)segment) = new SegmentRegister { Selector = selector, Base = baseAddress, Limit = limit, Attributes = accessRights };
        if (segment == X86Segment.Cs)
        {
            _state->Cpl = (accessRights >> 5) & 3;
        }

        _core.UpdateMode();
    }

    /// <summary>The selector and base of a segment register.</summary>
    public (ushort Selector, ulong Base) GetSegment(X86Segment segment)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((int)segment, (int)X86Segment.Tr);
        ref var register = ref _core.Segment((int)segment);
        return (register.Selector, register.Base);
    }

    /// <summary>
    /// Makes <see cref="Run"/> return <see cref="VcpuExitReason.Debug"/> before it executes the instruction at a linear address: where the code
    /// segment begins at 0, as always in 64-bit mode, at this RIP. Costs an engine its translations, but next to nothing while it runs.
    /// </summary>
    public void AddStopAddress(ulong linear) => AddStop(linear);

    /// <summary>Removes a stop address; unknown ones are ignored.</summary>
    public void RemoveStopAddress(ulong linear)
    {
        RemoveStop(linear);
        ReleaseStops();
    }

    /// <summary>Frees the processor. It must be parked.</summary>
    public void Dispose()
    {
        DetachDebugger();
        _options.Memory.RemoveCodeListener(this);
        _options.Memory.Revocation.Unregister(_revocation);
        if (_engine != _interpreter)
        {
            _engine.Dispose();
        }

        _interpreter.Dispose();
        _memory.Dispose();
    }
}
