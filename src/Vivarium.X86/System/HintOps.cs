namespace Vivarium.X86;

/// <summary>NOP, fences, prefetches, cache line flushes, PAUSE and undefined instructions.</summary>
internal static unsafe class HintOps
{
    public static bool Nop(CpuCore c, DecodedOp* op) => true;

    /// <summary>PAUSE: many in a row tell the scheduler that the guest spins.</summary>
    public static bool Pause(CpuCore c, DecodedOp* op)
    {
        c.PauseCount++;
        return true;
    }

    public static bool Fence(CpuCore c, DecodedOp* op)
    {
        Interlocked.MemoryBarrier();
        return true;
    }

    /// <summary>CLFLUSH, CLFLUSHOPT, CLWB: checked like a byte read, without effect.</summary>
    public static bool FlushLine(CpuCore c, DecodedOp* op) => c.TryProbeRead(op);

    /// <summary>An instruction of more than 15 bytes.</summary>
    public static bool TooLong(CpuCore c, DecodedOp* op) => c.RaiseGp();

    public static bool Undefined(CpuCore c, DecodedOp* op) => c.RaiseUd();
}
