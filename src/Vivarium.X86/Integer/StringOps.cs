using System.Runtime.CompilerServices;

namespace Vivarium.X86;

/// <summary>One element of a string instruction.</summary>
internal unsafe interface IStringStep
{
    /// <summary>True for CMPS and SCAS, which REPE and REPNE end by ZF.</summary>
    static abstract bool Compares { get; }

    /// <summary>Executes one element and moves the index registers.</summary>
    static abstract bool Step<T>(CpuCore c, DecodedOp* op)
        where T : unmanaged;

    /// <summary>Executes as many of <paramref name="count"/> elements at once as it safely can; returns how many, or 0.</summary>
    static abstract ulong Bulk<T>(CpuCore c, DecodedOp* op, ulong count)
        where T : unmanaged;
}

/// <summary>The repeat loop around string instructions: interruptible, restartable (Intel SDM Vol. 2B, REP).</summary>
internal static unsafe class StringLoop<TStep, T>
    where TStep : struct, IStringStep
    where T : unmanaged
{
    /// <summary>Elements or bulk pieces after which events are looked at.</summary>
    private const int MaxSteps = 4096;

    public static bool Once(CpuCore c, DecodedOp* op) => TStep.Step<T>(c, op);

    public static bool Repeat(CpuCore c, DecodedOp* op)
    {
        var s = c.State;
        for (var steps = 0; ; steps++)
        {
            var count = StringRegisters.Get(s, StringRegisters.Rcx, op);
            if (count == 0)
            {
                return true;
            }

            if (steps != 0 && (steps >= MaxSteps || c.HasEvents || s->PendingDebug != 0 || (s->FlagSystem & Rflags.Tf) != 0))
            {
                return c.Restart(steps);
            }

            var done = (s->FlagSystem & (Rflags.Df | Rflags.Tf)) == 0 ? TStep.Bulk<T>(c, op, count) : 0;
            if (done == 0)
            {
                if (!TStep.Step<T>(c, op))
                {
                    return false;
                }

                done = 1;
            }

            StringRegisters.Set(s, StringRegisters.Rcx, op, count - done);
            if (TStep.Compares && LazyFlags.Zero(s) != ((op->Flags & OpFlags.Rep) != 0))
            {
                return true;
            }
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

    /// <summary>How many of <paramref name="count"/> upward elements fit before the page and the address size end.</summary>
    public static ulong FitPage(CpuState* s, int register, DecodedOp* op, ulong linear, ulong count, int sizeBytes)
    {
        var bytes = Math.Min(4096 - (linear & 0xFFF), (ulong.MaxValue >> op->AddressShift) - Get(s, register, op));
        return Math.Min(count, bytes / (ulong)sizeBytes);
    }
}
