using System.Runtime.CompilerServices;
using Vivarium.Memory;

namespace Vivarium.X86;

/// <summary>
/// What instruction handlers see of the processor: its state, its operands in memory, and a way to raise a fault. A handler returns true
/// when the instruction completed, false after a fault; on false it must not have changed any state but the progress of a string instruction.
/// </summary>
internal sealed unsafe partial class CpuCore
{
    public readonly CpuState* State;
    public readonly GuestMemory Memory;
    public readonly IPortIo PortIo;
    public readonly IMmioPort MmioPort;
    public readonly Tlb Tlb;
    public readonly PageWalker Walker;
    public readonly CpuModel Model;

    /// <summary>The data TLB of the current <see cref="MmuMode"/>.</summary>
    private TlbEntry* _tlb;
    private MmuMode _mode;
    private volatile int _events;

    public CpuCore(VcpuMemory vcpu, GuestMemory memory, IPortIo portIo, IMmioPort mmioPort, CpuModel model)
    {
        State = vcpu.State;
        Tlb = new Tlb(vcpu.TlbEntries, new SiteTlb(vcpu.SiteTlb));
        Memory = memory;
        PortIo = portIo;
        MmioPort = mmioPort;
        Model = model;
        Walker = new PageWalker(State, memory, model.Has(CpuFeature.Page1Gb));
        _tlb = Tlb.ForMode(MmuMode.Supervisor);
    }

    /// <summary>The local APIC, if the machine has one.</summary>
    public ILocalApic? LocalApic { get; set; }

    /// <summary>MSRs, time, CPUID and the like. Set once by whoever builds the processor.</summary>
    public CpuServices Services { get; set; } = null!;

    /// <summary>Bits of XCR0 that may be set.</summary>
    public ulong SupportedXcr0 => Model.SupportedXcr0;

    /// <summary>Events that other threads posted; see <see cref="CpuEvents"/>.</summary>
    public bool HasEvents
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => _events != 0;
    }

    /// <summary>Where FERR# goes while CR0.NE is 0.</summary>
    public Action<bool>? FerrChanged { get; set; }

    /// <summary>Physical address bits that reach memory: bit 20 is clear while A20 is off.</summary>
    public ulong AddressMask { get; set; } = PageEntry.PhysicalMask;

    /// <summary>Why the last handler returned false.</summary>
    public PendingKind Pending { get; set; }

    /// <summary>The exception if <see cref="Pending"/> is a fault.</summary>
    public ExceptionVector FaultVector { get; private set; }

    /// <summary>Its error code, where the vector has one.</summary>
    public uint FaultErrorCode { get; private set; }

    /// <summary>Steps that the last paused instruction made; they use up the budget.</summary>
    public int RestartSteps { get; private set; }

    /// <summary>Set when an instruction or event entered a handler with TF cleared: no single-step trap follows.</summary>
    public bool HasEnteredHandler { get; set; }

    /// <summary>Set when a task switch took place before a fault, which then belongs to the new task.</summary>
    public bool HasSwitchedTask { get; set; }

    /// <summary>While an instruction runs alone, stores to code pages go through.</summary>
    public bool RunsAlone { get; set; }

    /// <summary>Whether <see cref="X86CpuOptions.ExactBudget"/> is set.</summary>
    public bool HasExactBudget { get; init; }

    /// <summary>PAUSE instructions since the counter was last taken.</summary>
    public int PauseCount { get; set; }

    /// <summary>Numbers the translations for fetching.</summary>
    public FetchContexts FetchContexts { get; } = new();

    /// <summary>Told of posted events, so that it leaves emitted code soon.</summary>
    public IExecutionEngine? Engine { get; set; }

    /// <summary>The TLB that data accesses use now.</summary>
    public MmuMode Mode => _mode;

    /// <summary>Posts events; returns those that waited already. Any thread.</summary>
    public CpuEvents Post(CpuEvents events)
    {
        var before = (CpuEvents)Interlocked.Or(ref _events, (int)events);
        Engine?.Interrupt();
        return before;
    }

    /// <summary>Takes all posted events.</summary>
    public CpuEvents TakeEvents() => (CpuEvents)Interlocked.Exchange(ref _events, 0);

    /// <summary>Forgets signals from before a reset or restore; what concerns caches stays.</summary>
    public void ClearSignals() => Interlocked.And(ref _events, (int)(CpuEvents.Poll | CpuEvents.CodeInvalidated | CpuEvents.Stop));

    /// <summary>Records a fault for the current instruction. Always false, so that handlers can return it.</summary>
    public bool Raise(ExceptionVector vector, uint errorCode = 0)
    {
        Pending = PendingKind.Fault;
        FaultVector = vector;
        FaultErrorCode = errorCode;
        return false;
    }

    /// <summary>Records #GP with a selector's error code.</summary>
    public bool RaiseGp(uint errorCode = 0) => Raise(ExceptionVector.GeneralProtection, errorCode);

    /// <summary>Records #UD.</summary>
    public bool RaiseUd() => Raise(ExceptionVector.InvalidOpcode);

    /// <summary>Pauses the current instruction after some steps of it, to be continued after events have been looked at. Always false.</summary>
    public bool Restart(int steps)
    {
        Pending = PendingKind.Restart;
        RestartSteps = steps;
        return false;
    }

    /// <summary>
    /// Asked by whatever reaches outside the processor (devices, the clock, MSRs, hypercalls), once it is certain and has changed nothing. False
    /// with budgets that are exact: it must run alone, so that the count of instructions is right meanwhile and what it caused is seen right
    /// behind it, wherever engines begin and end their blocks.
    /// </summary>
    public bool CanReachOut()
    {
        if (!HasExactBudget || RunsAlone)
        {
            return true;
        }

        Pending = PendingKind.RunAlone;
        return false;
    }

    /// <summary>The legacy FERR# output, for x87 errors while CR0.NE is 0.</summary>
    public void SetFerr(bool level)
    {
        Revocation?.Leave();
        FerrChanged?.Invoke(level);
        Revocation?.Enter();
    }

    /// <summary>RIP of the instruction itself (FIP).</summary>
    public ulong InstructionPointer(DecodedOp* op) => MaskIp(State->RipPage + op->PageOffset);

    /// <summary>RIP of the instruction that follows.</summary>
    public ulong NextInstructionPointer(DecodedOp* op) => MaskIp(State->RipPage + op->PageOffset + op->Length);

    /// <summary>Cuts an instruction pointer to the code segment's width.</summary>
    public ulong MaskIp(ulong rip)
    {
        if (Is64BitCode)
        {
            return rip;
        }

        return (State->Cs.Attributes & SegmentRegister.Default32) != 0 ? (uint)rip : (ushort)rip;
    }

    /// <summary>Linear address of code at an instruction pointer.</summary>
    public ulong CodeAddress(ulong rip) => Is64BitCode ? rip : (uint)(State->Cs.Base + rip);

    public bool IsLongMode => (State->Efer & ControlBits.EferLma) != 0;

    /// <summary>64-bit mode, as against compatibility mode.</summary>
    public bool Is64BitCode => IsLongMode && (State->Cs.Attributes & SegmentRegister.Long) != 0;

    public bool IsProtected => (State->Cr0 & ControlBits.Cr0Pe) != 0;

    public bool IsVirtual8086 => (State->FlagSystem & Rflags.Vm) != 0;

    /// <summary>Real-address or virtual-8086 mode: segment bases are selectors × 16.</summary>
    public bool IsRealOrVirtual8086 => !IsProtected || IsVirtual8086;

    public int Iopl => (int)(State->FlagSystem >> Rflags.IoplShift) & 3;
}
