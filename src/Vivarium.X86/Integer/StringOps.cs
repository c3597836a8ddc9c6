using System.Runtime.CompilerServices;

namespace Vivarium.X86;

/// <summary>One element of a string instruction.</summary>
internal unsafe interface IStringStep
{
    /// <summary>True for CMPS and SCAS, which REPE and REPNE end by ZF.</summary>
    static abstract bool Compares { get; }

    /// <summary>Which index registers it writes when it is repeated, whether or not there is an element.</summary>
    static abstract (bool Rsi, bool Rdi) Writes { get; }

    /// <summary>Executes one element and moves the index registers.</summary>
    static abstract bool Step<T>(CpuCore c, DecodedOp* op)
        where T : unmanaged;

    /// <summary>Executes as many of <paramref name="count"/> elements at once as lie in one page and cannot fault; returns how many, or 0.</summary>
    static abstract ulong Bulk<T>(CpuCore c, DecodedOp* op, ulong count)
        where T : unmanaged;
}

/// <summary>The repeat loop around string instructions: interruptible, restartable (Intel SDM Vol. 2B, REP).</summary>
internal static unsafe class StringLoop<TStep, T>
    where TStep : struct, IStringStep
    where T : unmanaged
{
    /// <summary>Cost after which events are looked at: 32 KiB in bulk, or 256 elements one by one, each of which may be a device's.</summary>
    private const int MaxCost = 512;
    private const int StepCost = 2;
    private const int BytesPerCost = 64;

    public static bool Once(CpuCore c, DecodedOp* op) => TStep.Step<T>(c, op);

    public static bool Repeat(CpuCore c, DecodedOp* op)
    {
        var s = c.State;
        if (op->AddressShift == 32)
        {
            StringRegisters.ClearUpperHalves<TStep>(s);
        }

        var count = StringRegisters.Get(s, StringRegisters.Rcx, op);
        var (result, carries) = (s->FlagResult, s->FlagAux);
        var cost = 0;
        while (count != 0)
        {
            var trap = (s->FlagSystem & Rflags.Tf) != 0;
            if (cost != 0 && (cost >= MaxCost || c.HasEvents || s->PendingDebug != 0 || trap))
            {
                SetFlags(s, result, carries);
                return c.Restart(cost);
            }

            var done = trap ? 0 : TStep.Bulk<T>(c, op, count);
            if (done != 0)
            {
                cost += 1 + (int)(done * (ulong)sizeof(T) / BytesPerCost);
            }
            else if (TStep.Step<T>(c, op))
            {
                done = 1;
                cost += StepCost;
            }
            else
            {
                SetFlags(s, result, carries);
                return false;
            }

            count -= done;
            StringRegisters.Set(s, StringRegisters.Rcx, op, count);
            if (TStep.Compares && LazyFlags.Zero(s) != ((op->Flags & OpFlags.Rep) != 0))
            {
                return true;
            }
        }

        return true;
    }

    /// <summary>What ends a comparison before its time finds the flags from before it (Intel SDM Vol. 2B, REP).</summary>
    private static void SetFlags(CpuState* s, ulong result, ulong carries)
    {
        if (TStep.Compares)
        {
            (s->FlagResult, s->FlagAux) = (result, carries);
        }
    }
}

/// <summary>RCX, RSI and RDI at the instruction's address size, and the addresses they give.</summary>
internal static unsafe class StringRegisters
{
    public const int Rcx = 1;
    public const int Rsi = 6;
    public const int Rdi = 7;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Get(CpuState* s, int register, DecodedOp* op) => s->Gpr[register] << op->AddressShift >> op->AddressShift;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Set(CpuState* s, int register, DecodedOp* op, ulong value)
    {
        switch (op->AddressShift)
        {
            case 0: s->Gpr[register] = value; break;
            case 32: s->Gpr[register] = (uint)value; break;
            default: *(ushort*)&s->Gpr[register] = (ushort)value; break;
        }
    }

    /// <summary>
    /// Repeated instructions with 32-bit addresses write RCX without a single element, or before one that faults, too; those with fast-string
    /// operation write their index registers. The manual is silent about it; Intel's processors do it.
    /// </summary>
    public static void ClearUpperHalves<TStep>(CpuState* s)
        where TStep : struct, IStringStep
    {
        s->Gpr[Rcx] = (uint)s->Gpr[Rcx];
        s->Gpr[Rsi] = TStep.Writes.Rsi ? (uint)s->Gpr[Rsi] : s->Gpr[Rsi];
        s->Gpr[Rdi] = TStep.Writes.Rdi ? (uint)s->Gpr[Rdi] : s->Gpr[Rdi];
    }

    /// <summary>Moves an index register by <paramref name="sizeBytes"/> in the direction of DF.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Advance(CpuState* s, int register, DecodedOp* op, int sizeBytes) =>
        Set(s, register, op, s->Gpr[register] + (ulong)((s->FlagSystem & Rflags.Df) != 0 ? -sizeBytes : sizeBytes));

    /// <summary>Linear address of the source, segment override honoured.</summary>
    public static bool TrySource(CpuCore c, DecodedOp* op, int sizeBytes, out ulong linear)
    {
        var offset = Get(c.State, Rsi, op);
        if ((op->Flags & OpFlags.CheckSegment) != 0)
        {
            return c.TrySegment(op->Segment, offset, sizeBytes, PageAccess.Read, out linear);
        }

        linear = offset + *(ulong*)((byte*)c.State + op->SegmentBase);
        return true;
    }

    /// <summary>Linear address of the destination, always in ES.</summary>
    public static bool TryDestination(CpuCore c, DecodedOp* op, int sizeBytes, PageAccess access, out ulong linear)
    {
        var offset = Get(c.State, Rdi, op);
        if ((op->Flags & OpFlags.CheckSegment) != 0)
        {
            return c.TrySegment((int)X86Segment.Es, offset, sizeBytes, access, out linear);
        }

        linear = offset;
        return true;
    }

    /// <summary>How many of <paramref name="count"/> elements lie within the page of the first and before the address size ends, in the direction of DF.</summary>
    public static ulong FitPage(CpuState* s, int register, DecodedOp* op, ulong linear, ulong count, int sizeBytes)
    {
        var offset = Get(s, register, op);
        var inPage = linear & 0xFFF;
        if ((s->FlagSystem & Rflags.Df) == 0)
        {
            return Math.Min(count, Math.Min(4096 - inPage, (ulong.MaxValue >> op->AddressShift) - offset) / (ulong)sizeBytes);
        }

        return inPage + (ulong)sizeBytes > 4096 ? 0 : Math.Min(count, 1 + (Math.Min(inPage, offset) / (ulong)sizeBytes));
    }

    /// <summary>From the first of a row of elements to the lowest: nothing upwards.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Below(CpuState* s, int bytes, int sizeBytes) => (s->FlagSystem & Rflags.Df) == 0 ? 0 : (ulong)(bytes - sizeBytes);
}
