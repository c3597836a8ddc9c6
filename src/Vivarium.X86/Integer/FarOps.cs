namespace Vivarium.X86;

/// <summary>Far branches and software interrupts as instructions.</summary>
internal static unsafe class FarOps
{
    /// <summary>JMP ptr16:16/32: selector in bits 47:32 of the immediate, offset below.</summary>
    public static bool JumpDirect(CpuCore c, DecodedOp* op) => Begin(c) && (FarTransfer.TryJump(c, (ushort)(op->Immediate >> 32), (uint)op->Immediate) || c.HasSwitchedTask);

    public static bool CallDirect(CpuCore c, DecodedOp* op) => Begin(c)
        && (FarTransfer.TryCall(c, (ushort)(op->Immediate >> 32), (uint)op->Immediate, op->Size) || c.HasSwitchedTask);

    public static bool JumpIndirect(CpuCore c, DecodedOp* op) =>
        Begin(c) && FarPointer.TryLoad(c, op, op->Size, out var selector, out var offset)
        && (FarTransfer.TryJump(c, selector, offset) || c.HasSwitchedTask);

    public static bool CallIndirect(CpuCore c, DecodedOp* op) =>
        Begin(c) && FarPointer.TryLoad(c, op, op->Size, out var selector, out var offset)
        && (FarTransfer.TryCall(c, selector, offset, op->Size) || c.HasSwitchedTask);

    public static bool Return(CpuCore c, DecodedOp* op) => FarTransfer.TryReturn(c, op->Size, (int)op->Immediate);

    /// <summary>INT n. In virtual-8086 mode with IOPL below 3 it is #GP(0).</summary>
    public static bool Interrupt(CpuCore c, DecodedOp* op)
    {
        if (c.IsVirtual8086 && c.Iopl < 3)
        {
            return c.RaiseGp();
        }

        return TryDeliver(c, (byte)op->Immediate, EventKind.Software);
    }

    public static bool Breakpoint(CpuCore c, DecodedOp* op) =>
        TryDeliver(c, (byte)ExceptionVector.Breakpoint, EventKind.SoftwareException);

    public static bool Into(CpuCore c, DecodedOp* op) =>
        !LazyFlags.Overflow(c.State) || TryDeliver(c, (byte)ExceptionVector.Overflow, EventKind.SoftwareException);

    /// <summary>
    /// INT1 (ICEBP): #DB without privilege checks and without DR6 bits. Traps that MOV SS held off end with it: delivered in the handler, they would
    /// take their own stack frame from it, as both are on the same stack.
    /// </summary>
    public static bool Int1(CpuCore c, DecodedOp* op)
    {
        if (!TryDeliver(c, (byte)ExceptionVector.Debug, EventKind.Exception))
        {
            return false;
        }

        c.State->PendingDebug = 0;
        return true;
    }

    /// <summary>BOUND: the lower bound, then the upper, both signed.</summary>
    public static bool Bound(CpuCore c, DecodedOp* op)
    {
        var bounds = stackalloc byte[8];
        if (!c.TryLoadBytes(op, 0, new Span<byte>(bounds, op->Size * 2)))
        {
            return false;
        }

        var (index, lower, upper) = op->Size == 2
            ? ((short)Width<ushort>.Get(c.State, op->Reg1), ((short*)bounds)[0], ((short*)bounds)[1])
            : ((int)Width<uint>.Get(c.State, op->Reg1), ((int*)bounds)[0], ((int*)bounds)[1]);
        return (index >= lower && index <= upper) || c.Raise(ExceptionVector.BoundRange);
    }

    private static bool TryDeliver(CpuCore c, byte vector, EventKind kind) =>
        Begin(c) && (InterruptDelivery.TryDeliver(c, vector, kind, hasErrorCode: false, 0) || c.HasSwitchedTask);

    /// <summary>A fault after a task switch belongs to the new task: the instruction itself has completed then. Always true.</summary>
    private static bool Begin(CpuCore c)
    {
        c.HasSwitchedTask = false;
        return true;
    }
}
