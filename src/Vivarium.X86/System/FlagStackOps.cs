namespace Vivarium.X86;

/// <summary>PUSHF, POPF, CLI and STI with IOPL and virtual-8086 rules (Intel SDM Vol. 2).</summary>
internal static unsafe class FlagStackOps
{
    public static bool PushFlags(CpuCore c, DecodedOp* op)
    {
        if (c.IsVirtual8086 && c.Iopl < 3)
        {
            return c.RaiseGp();
        }

        return c.TryPush(op->Size, LazyFlags.GetAll(c.State) & ~(Rflags.Vm | Rflags.Rf));
    }

    public static bool PopFlags(CpuCore c, DecodedOp* op)
    {
        var s = c.State;
        if (c.IsVirtual8086 && c.Iopl < 3)
        {
            return c.RaiseGp();
        }

        if (!c.TryPop(op->Size, out var flags))
        {
            return false;
        }

        var allowed = Rflags.Arithmetic | Rflags.Tf | Rflags.Df | Rflags.Nt | Rflags.Ac | Rflags.Id;
        allowed |= !c.IsProtected || (int)s->Cpl <= c.Iopl ? Rflags.If : 0;
        allowed |= !c.IsProtected || (s->Cpl == 0 && !c.IsVirtual8086) ? Rflags.Iopl : 0;
        allowed &= op->Size == 2 ? 0xFFFFUL : ulong.MaxValue;
        var old = LazyFlags.GetAll(s) & ~(op->Size == 2 ? 0 : Rflags.Rf);
        LazyFlags.SetAll(s, (old & ~allowed) | (flags & allowed));
        c.UpdateMode();
        return true;
    }

    public static bool Cli(CpuCore c, DecodedOp* op)
    {
        if (!MayChangeIf(c))
        {
            return c.RaiseGp();
        }

        c.State->FlagSystem &= ~Rflags.If;
        return true;
    }

    /// <summary>STI takes effect after the next instruction if IF was clear.</summary>
    public static bool Sti(CpuCore c, DecodedOp* op)
    {
        if (!MayChangeIf(c))
        {
            return c.RaiseGp();
        }

        if ((c.State->FlagSystem & Rflags.If) == 0)
        {
            c.State->FlagSystem |= Rflags.If;
            c.State->InterruptShadow = InterruptShadow.Sti;
        }

        return true;
    }

    private static bool MayChangeIf(CpuCore c) => !c.IsProtected || (int)c.State->Cpl <= c.Iopl;
}
