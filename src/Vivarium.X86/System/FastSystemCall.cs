namespace Vivarium.X86;

/// <summary>SYSCALL, SYSRET, SYSENTER and SYSEXIT (Intel SDM Vol. 2B). On entry RIP is that of the next instruction.</summary>
internal static unsafe class FastSystemCall
{
    private const int Rcx = 1;
    private const int Rdx = 2;
    private const int Rsp = 4;
    private const int R11 = 11;
    private const uint FlatCode = 0x809B | SegmentRegister.Granularity;
    private const uint FlatData = 0x8093 | SegmentRegister.Granularity | SegmentRegister.Default32;

    public static bool Syscall(CpuCore c, DecodedOp* op)
    {
        var s = c.State;
        if (!c.Is64BitCode || (s->Efer & ControlBits.EferSce) == 0)
        {
            return c.RaiseUd();
        }

        s->Gpr[Rcx] = s->Rip;
        s->Gpr[R11] = LazyFlags.GetAll(s) & ~Rflags.Rf;
        LazyFlags.SetAll(s, LazyFlags.GetAll(s) & ~(s->Sfmask | Rflags.Rf));
        SetFlat(c, (ushort)((s->Star >> 32) & 0xFFFC), 0, longMode: true, (ushort)(((s->Star >> 32) + 8) & 0xFFFC));
        s->Rip = s->Lstar;
        c.HasEnteredHandler = (s->FlagSystem & Rflags.Tf) == 0;
        return true;
    }

    public static bool Sysret(CpuCore c, DecodedOp* op)
    {
        var s = c.State;
        if (!c.Is64BitCode || (s->Efer & ControlBits.EferSce) == 0)
        {
            return c.RaiseUd();
        }

        var toLong = op->Size == 8;
        var target = toLong ? s->Gpr[Rcx] : (uint)s->Gpr[Rcx];
        if (s->Cpl != 0 || (ulong)((long)(target << 16) >> 16) != target)
        {
            return c.RaiseGp();
        }

        var flags = (s->Gpr[R11] & (Rflags.All & ~(Rflags.Rf | Rflags.Vm))) | Rflags.One;
        LazyFlags.SetAll(s, flags);
        var selector = (ushort)((s->Star >> 48) | 3);
        SetFlat(c, (ushort)((toLong ? selector + 16 : selector) | 3), 3, toLong, (ushort)((selector + 8) | 3));
        s->Rip = target;
        if ((flags & Rflags.Tf) != 0)
        {
            // A single-step trap comes right after SYSRET, before the first instruction there.
            s->PendingDebug |= 1 << 14;
        }

        return true;
    }

    public static bool Sysenter(CpuCore c, DecodedOp* op)
    {
        var s = c.State;
        if (!c.IsProtected || (s->SysenterCs & 0xFFFC) == 0)
        {
            return c.RaiseGp();
        }

        s->FlagSystem &= ~(Rflags.Vm | Rflags.If | Rflags.Rf);
        var selector = (ushort)(s->SysenterCs & 0xFFFC);
        SetFlat(c, selector, 0, c.IsLongMode, (ushort)(selector + 8));
        s->Gpr[Rsp] = c.IsLongMode ? s->SysenterEsp : (uint)s->SysenterEsp;
        s->Rip = c.IsLongMode ? s->SysenterEip : (uint)s->SysenterEip;
        return true;
    }

    public static bool Sysexit(CpuCore c, DecodedOp* op)
    {
        var s = c.State;
        if (!c.IsProtected || s->Cpl != 0 || (s->SysenterCs & 0xFFFC) == 0)
        {
            return c.RaiseGp();
        }

        var toLong = op->Size == 8;
        var target = toLong ? s->Gpr[Rdx] : (uint)s->Gpr[Rdx];
        var stack = toLong ? s->Gpr[Rcx] : (uint)s->Gpr[Rcx];
        if (toLong && ((ulong)((long)(target << 16) >> 16) != target || (ulong)((long)(stack << 16) >> 16) != stack))
        {
            return c.RaiseGp();
        }

        var selector = (ushort)((s->SysenterCs & 0xFFFC) + (toLong ? 32u : 16u));
        SetFlat(c, (ushort)(selector | 3), 3, toLong, (ushort)((selector + 8) | 3));
        s->Gpr[Rsp] = stack;
        s->Rip = target;
        return true;
    }

    /// <summary>These instructions load fixed flat segments without reading descriptors.</summary>
    private static void SetFlat(CpuCore c, ushort code, int cpl, bool longMode, ushort stack)
    {
        var s = c.State;
        s->Cs = new SegmentRegister { Selector = code, Limit = uint.MaxValue, Attributes = CodeAttributes(cpl, longMode) };
        s->Ss = new SegmentRegister { Selector = stack, Limit = uint.MaxValue, Attributes = StackAttributes(cpl) };
        s->Cpl = (uint)cpl;
        c.UpdateMode();
    }

    /// <summary>Attributes of the CS that these instructions load.</summary>
    public static uint CodeAttributes(int cpl, bool longMode) =>
        (FlatCode & 0xF0FF) | ((uint)cpl << 5) | (longMode ? SegmentRegister.Long : SegmentRegister.Default32);

    /// <summary>Attributes of the SS that these instructions load.</summary>
    public static uint StackAttributes(int cpl) => (FlatData & 0xF0FF) | ((uint)cpl << 5);
}
