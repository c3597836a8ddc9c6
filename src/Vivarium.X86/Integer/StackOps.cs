namespace Vivarium.X86;

/// <summary>PUSH, POP, PUSHA, POPA, ENTER and LEAVE; T is the operand size.</summary>
internal static unsafe class Stack<T>
    where T : unmanaged
{
    private const int Rbp = 5;
    private const int Rsp = 4;

    public static bool PushRegister(CpuCore c, DecodedOp* op) => c.TryPush<T>(Width<T>.Get(c.State, op->Reg1));

    /// <summary>PUSH r64 in 64-bit mode, where the stack is flat.</summary>
    public static bool PushRegisterFlat(CpuCore c, DecodedOp* op)
    {
        var s = c.State;
        var top = s->Gpr[Rsp] - (ulong)sizeof(T);
        if (!c.TryWrite<T>(top, (int)X86Segment.Ss, Width<T>.Get(s, op->Reg1)))
        {
            return false;
        }

        s->Gpr[Rsp] = top;
        return true;
    }

    /// <summary>POP r64 in 64-bit mode.</summary>
    public static bool PopRegisterFlat(CpuCore c, DecodedOp* op)
    {
        var s = c.State;
        var top = s->Gpr[Rsp];
        if (!c.TryRead<T>(top, (int)X86Segment.Ss, out var value))
        {
            return false;
        }

        s->Gpr[Rsp] = top + (ulong)sizeof(T);
        Width<T>.Set(s, op->Reg1, value);
        return true;
    }

    public static bool PushImmediate(CpuCore c, DecodedOp* op) => c.TryPush<T>((ulong)op->Immediate);

    public static bool PushMemory(CpuCore c, DecodedOp* op) => c.TryLoadOperand<T>(op, out var value) && c.TryPush<T>(value);

    public static bool PopRegister(CpuCore c, DecodedOp* op)
    {
        if (!c.TryPop<T>(out var value))
        {
            return false;
        }

        Width<T>.Set(c.State, op->Reg1, value);
        return true;
    }

    /// <summary>POP m: the address is computed after RSP was incremented.</summary>
    public static bool PopMemory(CpuCore c, DecodedOp* op)
    {
        var rsp = c.State->Gpr[Rsp];
        if (c.TryPop<T>(out var value) && c.TryStoreOperand<T>(op, value))
        {
            return true;
        }

        c.State->Gpr[Rsp] = rsp;
        return false;
    }

    public static bool PushAll(CpuCore c, DecodedOp* op)
    {
        var s = c.State;
        var mask = c.StackMask;
        var top = s->Gpr[Rsp];
        for (var i = 0; i < 8; i++)
        {
            // The probe runs from the far end, so that nothing is written if a later push would fault.
            if (!c.TryWriteStack<T>((top - (ulong)(sizeof(T) * (8 - i))) & mask, Width<T>.Get(s, (7 - i) * 8)))
            {
                return false;
            }
        }

        c.SetStackPointer(mask, (top - (ulong)(sizeof(T) * 8)) & mask);
        return true;
    }

    public static bool PopAll(CpuCore c, DecodedOp* op)
    {
        var s = c.State;
        var mask = c.StackMask;
        var top = s->Gpr[Rsp];
        var values = stackalloc ulong[8];
        for (var i = 0; i < 8; i++)
        {
            if (!c.TryReadStack<T>((top + (ulong)(sizeof(T) * i)) & mask, out values[7 - i]))
            {
                return false;
            }
        }

        for (var i = 0; i < 8; i++)
        {
            if (i != Rsp)
            {
                Width<T>.Set(s, i * 8, values[i]);
            }
        }

        c.SetStackPointer(mask, (top + (ulong)(sizeof(T) * 8)) & mask);
        return true;
    }

    public static bool Leave(CpuCore c, DecodedOp* op)
    {
        var s = c.State;
        var mask = c.StackMask;
        var frame = s->Gpr[Rbp] & mask;
        if (!c.TryReadStack<T>(frame, out var value))
        {
            return false;
        }

        c.SetStackPointer(mask, (frame + (ulong)sizeof(T)) & mask);
        Width<T>.Set(s, Rbp * 8, value);
        return true;
    }

    /// <summary>ENTER: size in bits 15:0 of the immediate, nesting level in bits 20:16.</summary>
    public static bool Enter(CpuCore c, DecodedOp* op)
    {
        var s = c.State;
        var mask = c.StackMask;
        var level = (int)(op->Immediate >> 16) & 31;
        var sizeBytes = (ulong)(ushort)op->Immediate;
        var rsp = (s->Gpr[Rsp] - (ulong)sizeof(T)) & mask;
        if (!c.TryWriteStack<T>(rsp, Width<T>.Get(s, Rbp * 8)))
        {
            return false;
        }

        var frame = rsp;
        var rbp = s->Gpr[Rbp];
        for (var i = 1; i < level; i++)
        {
            rbp -= (ulong)sizeof(T);
            rsp = (rsp - (ulong)sizeof(T)) & mask;
            if (!c.TryReadStack<T>(rbp & mask, out var pointer) || !c.TryWriteStack<T>(rsp, pointer))
            {
                return false;
            }
        }

        if (level > 0)
        {
            rsp = (rsp - (ulong)sizeof(T)) & mask;
            if (!c.TryWriteStack<T>(rsp, frame))
            {
                return false;
            }
        }

        rsp = (rsp - sizeBytes) & mask;

        // The final stack pointer must be writable, or ENTER faults.
        if (!c.TrySegment((int)X86Segment.Ss, rsp, sizeof(T), PageAccess.Write, out var linear) || !c.TryReadForUpdate<T>(linear, (int)X86Segment.Ss, out _))
        {
            return false;
        }

        c.SetStackPointer(mask, rsp);
        Width<T>.Set(s, Rbp * 8, sizeof(T) == 2 ? frame : (s->Gpr[Rbp] & ~mask) | frame);
        return true;
    }
}
