namespace Vivarium.X86;

/// <summary>CPUID, time-stamp counter, MSRs, random numbers, hypercalls and performance counters.</summary>
internal static unsafe class ProcessorOps
{
    private const int Rax = 0;
    private const int Rcx = 1;
    private const int Rdx = 2;
    private const int Rbx = 3;
    private const int Rsi = 6;

    public static bool Cpuid(CpuCore c, DecodedOp* op)
    {
        var s = c.State;
        var result = CpuidLeaves.Query(c.Services.Cpuid, s, c.LocalApic, (uint)s->Gpr[Rax], (uint)s->Gpr[Rcx]);
        s->Gpr[Rax] = result.Eax;
        s->Gpr[Rbx] = result.Ebx;
        s->Gpr[Rcx] = result.Ecx;
        s->Gpr[Rdx] = result.Edx;
        return true;
    }

    public static bool Rdtsc(CpuCore c, DecodedOp* op)
    {
        var s = c.State;
        if ((s->Cr4 & ControlBits.Cr4Tsd) != 0 && s->Cpl != 0)
        {
            return c.RaiseGp();
        }

        if (!c.CanReachOut())
        {
            return false;
        }

        SetPair(s, c.Services.Tsc.Read());
        return true;
    }

    public static bool Rdtscp(CpuCore c, DecodedOp* op)
    {
        if (!Rdtsc(c, op))
        {
            return false;
        }

        c.State->Gpr[Rcx] = (uint)c.State->TscAux;
        return true;
    }

    public static bool Rdpid(CpuCore c, DecodedOp* op)
    {
        *(ulong*)((byte*)c.State + op->Reg1) = (uint)c.State->TscAux;
        return true;
    }

    /// <summary>No performance counters are offered.</summary>
    public static bool Rdpmc(CpuCore c, DecodedOp* op) => c.RaiseGp();

    public static bool Rdmsr(CpuCore c, DecodedOp* op)
    {
        if (!SystemOps.CheckCpl0(c) || !c.CanReachOut())
        {
            return false;
        }

        if (!c.Services.Msrs.TryRead((uint)c.State->Gpr[Rcx], out var value))
        {
            return c.RaiseGp();
        }

        SetPair(c.State, value);
        return true;
    }

    public static bool Wrmsr(CpuCore c, DecodedOp* op)
    {
        var s = c.State;
        if (!SystemOps.CheckCpl0(c) || !c.CanReachOut())
        {
            return false;
        }

        var value = (s->Gpr[Rdx] << 32) | (uint)s->Gpr[Rax];
        return c.Services.Msrs.TryWrite((uint)s->Gpr[Rcx], value) || c.RaiseGp();
    }

    /// <summary>VMCALL and VMMCALL, KVM's convention. Without a hypervisor interface they do not exist.</summary>
    public static bool Hypercall(CpuCore c, DecodedOp* op)
    {
        var s = c.State;
        if (c.Services.Hypercalls is not { } handler)
        {
            return c.RaiseUd();
        }

        if (s->Cpl != 0)
        {
            s->Gpr[Rax] = unchecked((ulong)-1L);
            return true;
        }

        if (!c.CanReachOut())
        {
            return false;
        }

        var mask = c.Is64BitCode ? ulong.MaxValue : uint.MaxValue;
        c.Revocation?.Leave();
        s->Gpr[Rax] = (ulong)handler.Hypercall(s->Gpr[Rax] & mask, s->Gpr[Rbx] & mask, s->Gpr[Rcx] & mask, s->Gpr[Rdx] & mask, s->Gpr[Rsi] & mask) & mask;
        c.Revocation?.Enter();
        return true;
    }

    /// <summary>RDRAND and RDSEED: CF is set, the other flags cleared.</summary>
    public static bool Random(CpuCore c, DecodedOp* op)
    {
        ulong value = 0;
        c.Services.Entropy.Fill(new Span<byte>(&value, 8));
        switch (op->Size)
        {
            case 2: Width<ushort>.Set(c.State, op->Reg1, value); break;
            case 4: Width<uint>.Set(c.State, op->Reg1, value); break;
            default: Width<ulong>.Set(c.State, op->Reg1, value); break;
        }

        LazyFlags.Set(c.State, Rflags.Cf);
        return true;
    }

    private static void SetPair(CpuState* s, ulong value)
    {
        s->Gpr[Rax] = (uint)value;
        s->Gpr[Rdx] = value >> 32;
    }
}
