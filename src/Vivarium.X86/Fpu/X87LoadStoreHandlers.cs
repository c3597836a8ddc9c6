namespace Vivarium.X86;

/// <summary>FLD, FILD, FST, FIST, FISTTP, FBLD, FBSTP and moves between stack registers. Size tells how often to pop.</summary>
internal static unsafe class X87LoadStoreHandlers
{
    public static bool Load<T>(CpuCore core, DecodedOp* op)
        where T : unmanaged
    {
        if (!X87Unit.Enter(core) || !core.TryLoad(op, out T value))
        {
            return false;
        }

        X87Unit.Note(core, op);
        X87Memory.Push(core.State, X87Memory.Unpack(value));
        return true;
    }

    /// <summary>FLD m80: any encoding, unchanged.</summary>
    public static bool LoadExtended(CpuCore core, DecodedOp* op)
    {
        if (!X87Unit.Enter(core) || !core.TryLoadExtended(op, out var value))
        {
            return false;
        }

        X87Unit.Note(core, op);
        PushUnchanged(core.State, value);
        return true;
    }

    /// <summary>FBLD.</summary>
    public static bool LoadDecimal(CpuCore core, DecodedOp* op)
    {
        if (!X87Unit.Enter(core) || !core.TryLoadExtended(op, out var value))
        {
            return false;
        }

        X87Unit.Note(core, op);
        X87Memory.Push(core.State, PackedDecimal.Unpack(value));
        return true;
    }

    /// <summary>FLD ST(i).</summary>
    public static bool LoadRegister(CpuCore core, DecodedOp* op)
    {
        if (!X87Unit.Enter(core))
        {
            return false;
        }

        X87Unit.Note(core, op);
        var state = core.State;
        if (X87Unit.IsEmpty(state, op->Reg2))
        {
            if (X87Unit.StackMasked(state, overflow: false))
            {
                X87Unit.Push(state, Float80.DefaultNaN);
            }
        }
        else
        {
            PushUnchanged(state, *X87Unit.Register(state, op->Reg2));
        }

        return true;
    }

    public static bool Store<T>(CpuCore core, DecodedOp* op)
        where T : unmanaged
    {
        if (!X87Unit.Enter(core))
        {
            return false;
        }

        var value = X87Memory.Round<T>(core.State, out var status);
        return Complete(core, op, status, !X87Memory.MayStore(status) || core.TryStore(op, value));
    }

    public static bool StoreInteger<T>(CpuCore core, DecodedOp* op)
        where T : unmanaged
    {
        if (!X87Unit.Enter(core))
        {
            return false;
        }

        var value = X87Memory.RoundToInteger<T>(core.State, truncate: false, out var status);
        return Complete(core, op, status, !X87Memory.MayStore(status) || core.TryStore(op, value));
    }

    /// <summary>FISTTP.</summary>
    public static bool StoreTruncated<T>(CpuCore core, DecodedOp* op)
        where T : unmanaged
    {
        if (!X87Unit.Enter(core))
        {
            return false;
        }

        var value = X87Memory.RoundToInteger<T>(core.State, truncate: true, out var status);
        return Complete(core, op, status, !X87Memory.MayStore(status) || core.TryStore(op, value));
    }

    /// <summary>FSTP m80: no conversion, so no exception but an empty register.</summary>
    public static bool StoreExtended(CpuCore core, DecodedOp* op)
    {
        if (!X87Unit.Enter(core))
        {
            return false;
        }

        var status = X87Memory.Prepare(core.State);
        var value = *X87Unit.Register(core.State, 0);
        if (X87Unit.IsEmpty(core.State, 0))
        {
            value = Float80.Pack(X87Memory.NoteUnderflow(ref status));
        }

        return Complete(core, op, status, !X87Memory.MayStore(status) || core.TryStoreExtended(op, value));
    }

    /// <summary>FBSTP.</summary>
    public static bool StoreDecimal(CpuCore core, DecodedOp* op)
    {
        if (!X87Unit.Enter(core))
        {
            return false;
        }

        var value = RoundToDecimal(core.State, out var status);
        return Complete(core, op, status, !X87Memory.MayStore(status) || core.TryStoreExtended(op, value));
    }

    /// <summary>Rounds ST(0) to 18 decimal digits; the exceptions are in <paramref name="status"/>.</summary>
    public static Float80 RoundToDecimal(CpuState* state, out FloatStatus status)
    {
        status = X87Memory.Prepare(state);
        var source = X87Unit.IsEmpty(state, 0) ? X87Memory.NoteUnderflow(ref status) : X87Unit.Register(state, 0)->Unpack();
        return PackedDecimal.Pack(source, ref status);
    }

    /// <summary>FST ST(i), FSTP ST(i).</summary>
    public static bool StoreRegister(CpuCore core, DecodedOp* op)
    {
        if (!X87Unit.Enter(core))
        {
            return false;
        }

        X87Unit.Note(core, op);
        var state = core.State;
        X87Unit.SetC1(state, false);
        if (X87Unit.IsEmpty(state, 0))
        {
            if (!X87Unit.Underflow(state, op->Reg1))
            {
                return true;
            }
        }
        else
        {
            X87Unit.Write(state, op->Reg1, *X87Unit.Register(state, 0));
        }

        PopBySize(state, op);
        return true;
    }

    /// <summary>The undocumented FSTPNCE: an empty register gives the default NaN without an exception.</summary>
    public static bool StoreRegisterQuietly(CpuCore core, DecodedOp* op)
    {
        if (!X87Unit.Enter(core))
        {
            return false;
        }

        X87Unit.Note(core, op);
        var state = core.State;
        X87Unit.SetC1(state, false);
        X87Unit.Write(state, op->Reg1, X87Unit.IsEmpty(state, 0) ? Float80.DefaultNaN : *X87Unit.Register(state, 0));
        X87Unit.Pop(state);
        return true;
    }

    /// <summary>FXCH: empty registers become the default NaN first.</summary>
    public static bool Exchange(CpuCore core, DecodedOp* op)
    {
        if (!X87Unit.Enter(core))
        {
            return false;
        }

        X87Unit.Note(core, op);
        var state = core.State;
        var (first, second) = (*X87Unit.Register(state, 0), *X87Unit.Register(state, op->Reg2));
        var (firstEmpty, secondEmpty) = (X87Unit.IsEmpty(state, 0), X87Unit.IsEmpty(state, op->Reg2));
        X87Unit.SetC1(state, false);
        if ((firstEmpty || secondEmpty) && !X87Unit.StackMasked(state, overflow: false))
        {
            return true;
        }

        X87Unit.Write(state, 0, secondEmpty ? Float80.DefaultNaN : second);
        X87Unit.Write(state, op->Reg2, firstEmpty ? Float80.DefaultNaN : first);
        return true;
    }

    private static void PushUnchanged(CpuState* state, Float80 value)
    {
        if (X87Unit.IsFull(state))
        {
            X87Unit.Overflow(state);
            return;
        }

        X87Unit.SetC1(state, false);
        X87Unit.Push(state, value);
    }

    /// <summary>
    /// Ends a store, or one that an unmasked exception prevents: raises the exceptions and pops unless one of them is unmasked. A prevented store
    /// accesses nothing, so that its address is not checked: the manual leaves the order of such faults to the processor (Intel SDM Vol. 3A table 7-2).
    /// </summary>
    private static bool Complete(CpuCore core, DecodedOp* op, in FloatStatus status, bool stored)
    {
        if (!stored)
        {
            return false;
        }

        X87Unit.Note(core, op);
        FinishStore(core.State, status, op->Size != 0);
        return true;
    }

    /// <summary>Raises what a store found, and pops if it happened.</summary>
    public static void FinishStore(CpuState* state, in FloatStatus status, bool pop)
    {
        X87Unit.Accept(state, status);
        if (pop && X87Memory.MayStore(status))
        {
            X87Unit.Pop(state);
        }
    }

    private static void PopBySize(CpuState* state, DecodedOp* op)
    {
        if (op->Size != 0)
        {
            X87Unit.Pop(state);
        }
    }
}
