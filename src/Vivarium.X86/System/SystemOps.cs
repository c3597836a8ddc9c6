namespace Vivarium.X86;

/// <summary>Privileged instructions on system registers and tables (Intel SDM Vol. 2). All end their block.</summary>
internal static unsafe class SystemOps
{
    /// <summary>Records #GP(0) unless CPL is 0.</summary>
    public static bool CheckCpl0(CpuCore c) => c.State->Cpl == 0 || c.RaiseGp();

    /// <summary>UMIP: SGDT, SIDT, SLDT, STR and SMSW fault outside CPL 0.</summary>
    private static bool CheckUmip(CpuCore c) => (c.State->Cr4 & ControlBits.Cr4Umip) == 0 || CheckCpl0(c);

    /// <summary>LLDT, LTR, SLDT, STR, LAR, LSL, VERR, VERW and ARPL do not exist in real-address and virtual-8086 mode.</summary>
    private static bool CheckProtected(CpuCore c) => !c.IsRealOrVirtual8086 || c.RaiseUd();

    /// <summary>MOV r, CRn: the control register is <see cref="DecodedOp.Immediate"/>.</summary>
    public static bool ReadControl(CpuCore c, DecodedOp* op)
    {
        if (!CheckCpl0(c))
        {
            return false;
        }

        var s = c.State;
        ulong value;
        switch (op->Immediate)
        {
            case 0: value = s->Cr0; break;
            case 2: value = s->Cr2; break;
            case 3: value = s->Cr3; break;
            case 4: value = s->Cr4; break;
            case 8: value = c.LocalApic?.TaskPriorityClass ?? 0u; break;
            default: return c.RaiseUd();
        }

        *(ulong*)((byte*)s + op->Reg1) = c.Is64BitCode ? value : (uint)value;
        return true;
    }

    /// <summary>MOV CRn, r.</summary>
    public static bool WriteControl(CpuCore c, DecodedOp* op)
    {
        if (!CheckCpl0(c))
        {
            return false;
        }

        var value = *(ulong*)((byte*)c.State + op->Reg2);
        value = c.Is64BitCode ? value : (uint)value;
        switch (op->Immediate)
        {
            case 0: return ControlRegisters.TryWriteCr0(c, value);
            case 2: c.State->Cr2 = value; return true;
            case 3: return ControlRegisters.TryWriteCr3(c, value);
            case 4: return ControlRegisters.TryWriteCr4(c, value);
            case 8:
                if (value > 15)
                {
                    return c.RaiseGp();
                }

                if (c.LocalApic is { } apic)
                {
                    apic.TaskPriorityClass = (byte)value;
                }

                return true;
            default: return c.RaiseUd();
        }
    }

    public static bool Clts(CpuCore c, DecodedOp* op)
    {
        if (!CheckCpl0(c))
        {
            return false;
        }

        c.State->Cr0 &= ~ControlBits.Cr0Ts;
        return true;
    }

    /// <summary>LMSW can set PE but not clear it.</summary>
    public static bool Lmsw(CpuCore c, DecodedOp* op)
    {
        if (!CheckCpl0(c) || !Operand<ushort>.TryGetSource(c, op, out var value))
        {
            return false;
        }

        return ControlRegisters.TryWriteCr0(c, (c.State->Cr0 & ~0xEUL) | (value & 0xF));
    }

    public static bool Smsw(CpuCore c, DecodedOp* op) => CheckUmip(c) && StoreSelectorSized(c, op, c.State->Cr0);

    public static bool Sldt(CpuCore c, DecodedOp* op) => CheckProtected(c) && CheckUmip(c) && StoreSelectorSized(c, op, c.State->Ldtr.Selector);

    public static bool Str(CpuCore c, DecodedOp* op) => CheckProtected(c) && CheckUmip(c) && StoreSelectorSized(c, op, c.State->Tr.Selector);

    public static bool Lldt(CpuCore c, DecodedOp* op) =>
        CheckProtected(c) && CheckCpl0(c) && Operand<ushort>.TryGetSource(c, op, out var selector) && SegmentLoader.TryLoadLdt(c, (ushort)selector);

    public static bool Ltr(CpuCore c, DecodedOp* op) =>
        CheckProtected(c) && CheckCpl0(c) && Operand<ushort>.TryGetSource(c, op, out var selector) && SegmentLoader.TryLoadTask(c, (ushort)selector);

    public static bool Lgdt(CpuCore c, DecodedOp* op)
    {
        if (!TryLoadTable(c, op, out var limit, out var tableBase))
        {
            return false;
        }

        c.State->GdtLimit = limit;
        c.State->GdtBase = tableBase;
        return true;
    }

    public static bool Lidt(CpuCore c, DecodedOp* op)
    {
        if (!TryLoadTable(c, op, out var limit, out var tableBase))
        {
            return false;
        }

        c.State->IdtLimit = limit;
        c.State->IdtBase = tableBase;
        return true;
    }

    public static bool Sgdt(CpuCore c, DecodedOp* op) => CheckUmip(c) && TryStoreTable(c, op, c.State->GdtLimit, c.State->GdtBase);

    public static bool Sidt(CpuCore c, DecodedOp* op) => CheckUmip(c) && TryStoreTable(c, op, c.State->IdtLimit, c.State->IdtBase);

    public static bool Invlpg(CpuCore c, DecodedOp* op)
    {
        if (!CheckCpl0(c))
        {
            return false;
        }

        c.FlushPage(c.LinearAddress(op));
        return true;
    }

    /// <summary>INVPCID: the type is checked, and everything is dropped, which every type permits.</summary>
    public static bool Invpcid(CpuCore c, DecodedOp* op)
    {
        if (!CheckCpl0(c))
        {
            return false;
        }

        var descriptor = stackalloc ulong[2];
        if (!c.TryLoadBytes(op, 0, new Span<byte>(descriptor, 16)))
        {
            return false;
        }

        var type = c.Is64BitCode ? *(ulong*)((byte*)c.State + op->Reg1) : *(uint*)((byte*)c.State + op->Reg1);
        var pcidEnabled = (c.State->Cr4 & ControlBits.Cr4Pcide) != 0;
        if (type > 3 || (descriptor[0] >> 12) != 0
            || (type < 2 && !pcidEnabled && (descriptor[0] & 0xFFF) != 0)
            || (type == 0 && (ulong)((long)(descriptor[1] << 16) >> 16) != descriptor[1]))
        {
            return c.RaiseGp();
        }

        if (type == 0)
        {
            c.FlushPage(descriptor[1]);
        }
        else
        {
            c.FlushTlb();
        }

        return true;
    }

    /// <summary>INVD, WBINVD, WBNOINVD: there is no cache.</summary>
    public static bool InvalidateCaches(CpuCore c, DecodedOp* op) => CheckCpl0(c);

    public static bool Hlt(CpuCore c, DecodedOp* op)
    {
        if (!CheckCpl0(c))
        {
            return false;
        }

        c.State->Activity = ActivityState.Halted;
        return true;
    }

    public static bool Swapgs(CpuCore c, DecodedOp* op)
    {
        if (!c.Is64BitCode)
        {
            return c.RaiseUd();
        }

        if (!CheckCpl0(c))
        {
            return false;
        }

        (c.State->Gs.Base, c.State->KernelGsBase) = (c.State->KernelGsBase, c.State->Gs.Base);
        return true;
    }

    /// <summary>RDFSBASE, RDGSBASE, WRFSBASE, WRGSBASE; the segment is <see cref="DecodedOp.Segment"/>.</summary>
    public static bool ReadSegmentBase(CpuCore c, DecodedOp* op)
    {
        if (!CheckFsGsBase(c))
        {
            return false;
        }

        var value = c.Segment(op->Segment).Base;
        *(ulong*)((byte*)c.State + op->Reg1) = op->Size == 8 ? value : (uint)value;
        return true;
    }

    public static bool WriteSegmentBase(CpuCore c, DecodedOp* op)
    {
        if (!CheckFsGsBase(c))
        {
            return false;
        }

        var value = *(ulong*)((byte*)c.State + op->Reg1);
        value = op->Size == 8 ? value : (uint)value;
        if ((ulong)((long)(value << 16) >> 16) != value)
        {
            return c.RaiseGp();
        }

        c.Segment(op->Segment).Base = value;
        return true;
    }

    public static bool Stac(CpuCore c, DecodedOp* op) => SetAc(c, true);

    public static bool Clac(CpuCore c, DecodedOp* op) => SetAc(c, false);

    public static bool Rdpkru(CpuCore c, DecodedOp* op)
    {
        if (!CheckPkru(c))
        {
            return false;
        }

        c.State->Gpr[0] = c.State->Pkru;
        c.State->Gpr[2] = 0;
        return true;
    }

    public static bool Wrpkru(CpuCore c, DecodedOp* op)
    {
        if (!CheckPkru(c))
        {
            return false;
        }

        if ((uint)c.State->Gpr[2] != 0)
        {
            return c.RaiseGp();
        }

        var before = c.State->Pkru;
        c.State->Pkru = (uint)c.State->Gpr[0];
        c.FollowPkru(before);
        return true;
    }

    private static bool CheckPkru(CpuCore c)
    {
        if ((c.State->Cr4 & ControlBits.Cr4Pke) == 0)
        {
            return c.RaiseUd();
        }

        return (uint)c.State->Gpr[1] == 0 || c.RaiseGp();
    }

    private static bool SetAc(CpuCore c, bool value)
    {
        if (c.State->Cpl != 0)
        {
            return c.RaiseUd();
        }

        c.State->FlagSystem = value ? c.State->FlagSystem | Rflags.Ac : c.State->FlagSystem & ~Rflags.Ac;
        c.UpdateMode();
        return true;
    }

    private static bool CheckFsGsBase(CpuCore c) =>
        (c.Is64BitCode && (c.State->Cr4 & ControlBits.Cr4FsGsBase) != 0) || c.RaiseUd();

    /// <summary>To memory 16 bits are stored; a register takes as many as the operand size says.</summary>
    private static bool StoreSelectorSized(CpuCore c, DecodedOp* op, ulong value)
    {
        if (op->HasMemory)
        {
            return c.TryStoreOperand<ushort>(op, value);
        }

        switch (op->Size)
        {
            case 2: Width<ushort>.Set(c.State, op->Reg1, value); break;
            case 4: Width<uint>.Set(c.State, op->Reg1, value); break;
            default: Width<ulong>.Set(c.State, op->Reg1, value); break;
        }

        return true;
    }

    private static bool TryLoadTable(CpuCore c, DecodedOp* op, out uint limit, out ulong tableBase)
    {
        limit = 0;
        tableBase = 0;
        var bytes = stackalloc byte[10];
        var length = c.Is64BitCode ? 10 : 6;
        if (!CheckCpl0(c) || !c.TryLoadBytes(op, 0, new Span<byte>(bytes, length)))
        {
            return false;
        }

        limit = *(ushort*)bytes;
        tableBase = length == 10 ? *(ulong*)(bytes + 2) : *(uint*)(bytes + 2);
        tableBase &= op->Size == 2 ? 0xFFFFFFUL : ulong.MaxValue;
        return length == 6 || (ulong)((long)(tableBase << 16) >> 16) == tableBase || c.RaiseGp();
    }

    private static bool TryStoreTable(CpuCore c, DecodedOp* op, uint limit, ulong tableBase)
    {
        var bytes = stackalloc byte[10];
        *(ushort*)bytes = (ushort)limit;
        *(ulong*)(bytes + 2) = tableBase;
        return c.TryStoreBytes(op, 0, new ReadOnlySpan<byte>(bytes, c.Is64BitCode ? 10 : 6));
    }
}
