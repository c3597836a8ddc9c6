using Iced.Intel;

namespace Vivarium.X86;

/// <summary>System instructions, interrupts, I/O and hints.</summary>
internal static unsafe class SystemLowering
{
    public static bool TryLower(in Instruction i, DecodedOp* op)
    {
        switch (i.Mnemonic)
        {
            case Mnemonic.Nop or Mnemonic.Reservednop or Mnemonic.Endbr32 or Mnemonic.Endbr64 or Mnemonic.Rdsspd or Mnemonic.Rdsspq
                or Mnemonic.Prefetchnta or Mnemonic.Prefetcht0 or Mnemonic.Prefetcht1 or Mnemonic.Prefetcht2
                or Mnemonic.Prefetchw or Mnemonic.Prefetch or Mnemonic.Prefetchwt1 or Mnemonic.Prefetchit0 or Mnemonic.Prefetchit1
                or Mnemonic.Cldemote:
                return Lower.Call(op, &HintOps.Nop);
            case Mnemonic.Pause: return Lower.Leave(op, &HintOps.Pause);
            case Mnemonic.Lfence or Mnemonic.Sfence: return Lower.Call(op, &HintOps.Nop);
            case Mnemonic.Mfence: return Lower.Call(op, &HintOps.Fence);
            case Mnemonic.Clflush or Mnemonic.Clflushopt or Mnemonic.Clwb: return Lower.Call(op, &HintOps.FlushLine);
            case Mnemonic.Ud0 or Mnemonic.Ud1 or Mnemonic.Ud2: return Lower.Leave(op, &HintOps.Undefined);
            case Mnemonic.In:
                op->Size = (byte)Lower.SizeOf(i, 0);
                Lower.Operands(i, op);
                return i.Op1Kind == OpKind.Register ? Lower.Leave(op, &PortOps.InDx) : Lower.Leave(op, &PortOps.InImmediate);
            case Mnemonic.Out:
                op->Size = (byte)Lower.SizeOf(i, 1);
                Lower.Operands(i, op);
                return i.Op0Kind == OpKind.Register ? Lower.Leave(op, &PortOps.OutDx) : Lower.Leave(op, &PortOps.OutImmediate);
            case Mnemonic.Int: Lower.Operands(i, op); return Lower.Leave(op, &FarOps.Interrupt);
            case Mnemonic.Int3: return Lower.Leave(op, &FarOps.Breakpoint);
            case Mnemonic.Into: return Lower.Leave(op, &FarOps.Into);
            case Mnemonic.Int1: return Lower.Leave(op, &FarOps.Int1);
            case Mnemonic.Bound:
                Lower.Operands(i, op);
                op->Size = (byte)Lower.SizeOf(i, 0);
                return Lower.Leave(op, &FarOps.Bound);
            case Mnemonic.Iret: op->Size = 2; return Lower.Leave(op, &InterruptReturn.Execute);
            case Mnemonic.Iretd: op->Size = 4; return Lower.Leave(op, &InterruptReturn.Execute);
            case Mnemonic.Iretq: op->Size = 8; return Lower.Leave(op, &InterruptReturn.Execute);
            case Mnemonic.Pushf: op->Size = 2; return Lower.Call(op, &FlagStackOps.PushFlags);
            case Mnemonic.Pushfd: op->Size = 4; return Lower.Call(op, &FlagStackOps.PushFlags);
            case Mnemonic.Pushfq: op->Size = 8; return Lower.Call(op, &FlagStackOps.PushFlags);
            case Mnemonic.Popf: op->Size = 2; return Lower.Leave(op, &FlagStackOps.PopFlags);
            case Mnemonic.Popfd: op->Size = 4; return Lower.Leave(op, &FlagStackOps.PopFlags);
            case Mnemonic.Popfq: op->Size = 8; return Lower.Leave(op, &FlagStackOps.PopFlags);
            case Mnemonic.Cli: return Lower.Call(op, &FlagStackOps.Cli);
            case Mnemonic.Sti: return Lower.Leave(op, &FlagStackOps.Sti);
            case Mnemonic.Hlt: return Lower.Leave(op, &SystemOps.Hlt);
            case Mnemonic.Les: return FarLoad(i, op, X86Segment.Es);
            case Mnemonic.Lds: return FarLoad(i, op, X86Segment.Ds);
            case Mnemonic.Lss: return FarLoad(i, op, X86Segment.Ss);
            case Mnemonic.Lfs: return FarLoad(i, op, X86Segment.Fs);
            case Mnemonic.Lgs: return FarLoad(i, op, X86Segment.Gs);
            case Mnemonic.Lar: return Inspect(i, op, &SelectorOps.Lar);
            case Mnemonic.Lsl: return Inspect(i, op, &SelectorOps.Lsl);
            case Mnemonic.Verr: Lower.AsSource(i, op, 0); return Lower.Call(op, &SelectorOps.Verr);
            case Mnemonic.Verw: Lower.AsSource(i, op, 0); return Lower.Call(op, &SelectorOps.Verw);
            case Mnemonic.Arpl: Lower.Operands(i, op); return Lower.Call(op, &SelectorOps.Arpl);
            default: return TryLowerPrivileged(i, op);
        }
    }

    private static bool TryLowerPrivileged(in Instruction i, DecodedOp* op)
    {
        switch (i.Mnemonic)
        {
            case Mnemonic.Lgdt: op->Size = TableOperandSize(i); return Lower.Leave(op, &SystemOps.Lgdt);
            case Mnemonic.Lidt: op->Size = TableOperandSize(i); return Lower.Leave(op, &SystemOps.Lidt);
            case Mnemonic.Sgdt: return Lower.Call(op, &SystemOps.Sgdt);
            case Mnemonic.Sidt: return Lower.Call(op, &SystemOps.Sidt);
            case Mnemonic.Lldt: Lower.AsSource(i, op, 0); return Lower.Leave(op, &SystemOps.Lldt);
            case Mnemonic.Ltr: Lower.AsSource(i, op, 0); return Lower.Leave(op, &SystemOps.Ltr);
            case Mnemonic.Sldt: return StoreSized(i, op, &SystemOps.Sldt);
            case Mnemonic.Str: return StoreSized(i, op, &SystemOps.Str);
            case Mnemonic.Smsw: return StoreSized(i, op, &SystemOps.Smsw);
            case Mnemonic.Lmsw: Lower.AsSource(i, op, 0); return Lower.Leave(op, &SystemOps.Lmsw);
            case Mnemonic.Clts: return Lower.Leave(op, &SystemOps.Clts);
            case Mnemonic.Invlpg: return Lower.Leave(op, &SystemOps.Invlpg);
            case Mnemonic.Invpcid: Lower.Operands(i, op); return Lower.Leave(op, &SystemOps.Invpcid);
            case Mnemonic.Invd or Mnemonic.Wbinvd or Mnemonic.Wbnoinvd: return Lower.Call(op, &SystemOps.InvalidateCaches);
            case Mnemonic.Swapgs: return Lower.Call(op, &SystemOps.Swapgs);
            case Mnemonic.Rdfsbase: return SegmentBase(i, op, X86Segment.Fs, &SystemOps.ReadSegmentBase);
            case Mnemonic.Rdgsbase: return SegmentBase(i, op, X86Segment.Gs, &SystemOps.ReadSegmentBase);
            case Mnemonic.Wrfsbase: return SegmentBase(i, op, X86Segment.Fs, &SystemOps.WriteSegmentBase);
            case Mnemonic.Wrgsbase: return SegmentBase(i, op, X86Segment.Gs, &SystemOps.WriteSegmentBase);
            case Mnemonic.Stac: return Lower.Call(op, &SystemOps.Stac);
            case Mnemonic.Clac: return Lower.Call(op, &SystemOps.Clac);
            case Mnemonic.Rdpkru: return Lower.Call(op, &SystemOps.Rdpkru);
            case Mnemonic.Wrpkru: return Lower.Call(op, &SystemOps.Wrpkru);
            case Mnemonic.Syscall: return Lower.Leave(op, &FastSystemCall.Syscall);
            case Mnemonic.Sysret: op->Size = 4; return Lower.Leave(op, &FastSystemCall.Sysret);
            case Mnemonic.Sysretq: op->Size = 8; return Lower.Leave(op, &FastSystemCall.Sysret);
            case Mnemonic.Sysenter: return Lower.Leave(op, &FastSystemCall.Sysenter);
            case Mnemonic.Sysexit: op->Size = 4; return Lower.Leave(op, &FastSystemCall.Sysexit);
            case Mnemonic.Sysexitq: op->Size = 8; return Lower.Leave(op, &FastSystemCall.Sysexit);

            // It serializes: what other processors wrote to the code behind it is seen.
            case Mnemonic.Cpuid: return Lower.Leave(op, &ProcessorOps.Cpuid);
            case Mnemonic.Rdtsc: return Lower.Call(op, &ProcessorOps.Rdtsc);
            case Mnemonic.Rdtscp: return Lower.Call(op, &ProcessorOps.Rdtscp);
            case Mnemonic.Rdpid: Lower.Operands(i, op); return Lower.Call(op, &ProcessorOps.Rdpid);
            case Mnemonic.Rdpmc: return Lower.Call(op, &ProcessorOps.Rdpmc);
            case Mnemonic.Rdmsr: return Lower.Call(op, &ProcessorOps.Rdmsr);
            case Mnemonic.Wrmsr: return Lower.Leave(op, &ProcessorOps.Wrmsr);
            case Mnemonic.Vmcall or Mnemonic.Vmmcall: return Lower.Leave(op, &ProcessorOps.Hypercall);
            case Mnemonic.Rdrand or Mnemonic.Rdseed:
                Lower.Operands(i, op);
                op->Size = (byte)Lower.SizeOf(i, 0);
                return Lower.Call(op, &ProcessorOps.Random);
            default: return false;
        }
    }

    private static bool FarLoad(in Instruction i, DecodedOp* op, X86Segment segment)
    {
        Lower.Operands(i, op);
        op->Size = (byte)Lower.SizeOf(i, 0);
        op->Immediate = (long)segment;
        return Lower.Leave(op, &SelectorOps.LoadFarPointer);
    }

    private static bool Inspect(in Instruction i, DecodedOp* op, OpHandler handler)
    {
        Lower.Operands(i, op);
        op->Size = (byte)Lower.SizeOf(i, 0);
        return Lower.Call(op, handler);
    }

    private static bool StoreSized(in Instruction i, DecodedOp* op, OpHandler handler)
    {
        Lower.Operands(i, op);
        op->Size = (byte)Lower.SizeOf(i, 0);
        return Lower.Call(op, handler);
    }

    private static bool SegmentBase(in Instruction i, DecodedOp* op, X86Segment segment, OpHandler handler)
    {
        Lower.Operands(i, op);
        op->Size = (byte)Lower.SizeOf(i, 0);
        op->Segment = (byte)segment;
        return Lower.Call(op, handler);
    }

    /// <summary>With a 16-bit operand size LGDT and LIDT take 24 bits of base.</summary>
    private static byte TableOperandSize(in Instruction i) => i.Code is Code.Lgdt_m1632_16 or Code.Lidt_m1632_16 ? (byte)2 : (byte)4;
}
