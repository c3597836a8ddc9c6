namespace Vivarium.X86;

/// <summary>IRET, IRETD and IRETQ (Intel SDM Vol. 2A, IRET). On entry RIP is that of the next instruction.</summary>
internal static unsafe class InterruptReturn
{
    private const int Rsp = 4;
    private const ulong ReturnFlags = Rflags.Arithmetic | Rflags.Tf | Rflags.Df | Rflags.Nt | Rflags.Rf | Rflags.Ac | Rflags.Id;

    public static bool Execute(CpuCore c, DecodedOp* op)
    {
        c.HasSwitchedTask = false;
        var done = TryReturn(c, op->Size);
        if (done || c.Pending == PendingKind.Fault)
        {
            // Even an IRET that faults lets NMIs in again (Intel SDM Vol. 3A §6.7.1).
            c.State->NmiMasked = 0;
        }

        return done || c.HasSwitchedTask;
    }

    private static bool TryReturn(CpuCore c, int size)
    {
        var s = c.State;
        if (c.IsVirtual8086 && c.Iopl < 3)
        {
            return c.RaiseGp();
        }

        if (c.IsProtected && !c.IsVirtual8086 && (s->FlagSystem & Rflags.Nt) != 0)
        {
            if (c.IsLongMode)
            {
                return c.RaiseGp();
            }

            return c.TryReadSystem<ushort>(s->Tr.Base, out var link) && TaskSwitch.TrySwitch(c, (ushort)link, TaskSwitchKind.InterruptReturn, 0);
        }

        var mask = c.StackMask;
        var rsp = s->Gpr[Rsp];
        if (!TryRead(c, rsp, mask, size, 0, out var target) || !TryRead(c, rsp, mask, size, 1, out var cs) || !TryRead(c, rsp, mask, size, 2, out var flags))
        {
            return false;
        }

        var selector = (ushort)cs;
        if (c.IsRealOrVirtual8086)
        {
            return TryReal(c, selector, target, flags, size, rsp, mask);
        }

        if ((flags & Rflags.Vm) != 0 && s->Cpl == 0 && size == 4 && !c.IsLongMode)
        {
            return TryToVirtual8086(c, selector, target, flags, rsp, mask);
        }

        if (!CodeSegment.TryReadForTransfer(c, selector, out var descriptor) || !ReturnPath.Check(c, selector, descriptor, target))
        {
            return false;
        }

        var oldCpl = (int)s->Cpl;
        var rpl = selector & 3;
        if (rpl == oldCpl && !c.Is64BitCode)
        {
            if (!CodeSegment.TryCommit(c, selector, descriptor, rpl, target))
            {
                return false;
            }

            c.SetStackPointer(mask, (rsp + (ulong)(3 * size)) & mask);
        }
        else if (!TryRead(c, rsp, mask, size, 3, out var newRsp) || !TryRead(c, rsp, mask, size, 4, out var newSs)
            || !ReturnPath.TryToOuter(c, selector, descriptor, target, (ushort)newSs, newRsp, 0))
        {
            return false;
        }

        SetFlags(c, flags, size, oldCpl);
        return true;
    }

    private static bool TryReal(CpuCore c, ushort selector, ulong target, ulong flags, int size, ulong rsp, ulong mask)
    {
        if (!CodeSegment.TryCommitReal(c, selector, size == 2 ? (ushort)target : target))
        {
            return false;
        }

        c.SetStackPointer(mask, (rsp + (ulong)(3 * size)) & mask);
        var allowed = ReturnFlags | Rflags.If | (c.IsVirtual8086 ? 0 : Rflags.Iopl);
        ApplyFlags(c, flags, allowed & (size == 2 ? 0xFFFFUL : ulong.MaxValue));
        return true;
    }

    private static bool TryToVirtual8086(CpuCore c, ushort selector, ulong target, ulong flags, ulong rsp, ulong mask)
    {
        var s = c.State;
        var frame = stackalloc ulong[9];
        for (var i = 3; i < 9; i++)
        {
            if (!TryRead(c, rsp, mask, 4, i, out frame[i]))
            {
                return false;
            }
        }

        LazyFlags.SetAll(s, flags);
        s->Cpl = 3;
        s->Gpr[Rsp] = (uint)frame[3];
        SegmentLoader.LoadReal(c, X86Segment.Cs, selector);
        SegmentLoader.LoadReal(c, X86Segment.Ss, (ushort)frame[4]);
        SegmentLoader.LoadReal(c, X86Segment.Es, (ushort)frame[5]);
        SegmentLoader.LoadReal(c, X86Segment.Ds, (ushort)frame[6]);
        SegmentLoader.LoadReal(c, X86Segment.Fs, (ushort)frame[7]);
        SegmentLoader.LoadReal(c, X86Segment.Gs, (ushort)frame[8]);
        s->Rip = target & 0xFFFF;
        c.UpdateMode();
        return true;
    }

    /// <summary>IF changes only if the old CPL was within IOPL, IOPL, VIF and VIP only from CPL 0.</summary>
    private static void SetFlags(CpuCore c, ulong flags, int size, int oldCpl)
    {
        var allowed = ReturnFlags;
        allowed |= oldCpl <= c.Iopl ? Rflags.If : 0;
        allowed |= oldCpl == 0 ? Rflags.Iopl | Rflags.Vif | Rflags.Vip : 0;
        ApplyFlags(c, flags, allowed & (size == 2 ? 0xFFFFUL : ulong.MaxValue));
    }

    private static void ApplyFlags(CpuCore c, ulong flags, ulong allowed)
    {
        LazyFlags.SetAll(c.State, (LazyFlags.GetAll(c.State) & ~allowed) | (flags & allowed));
        c.UpdateMode();
    }

    private static bool TryRead(CpuCore c, ulong rsp, ulong mask, int size, int slot, out ulong value)
    {
        var offset = (rsp + (ulong)(slot * size)) & mask;
        return size switch
        {
            2 => c.TryReadStack<ushort>(offset, out value),
            4 => c.TryReadStack<uint>(offset, out value),
            _ => c.TryReadStack<ulong>(offset, out value),
        };
    }
}
