namespace Vivarium.X86;

/// <summary>NOP, fences, prefetches, cache line flushes, PAUSE and undefined instructions.</summary>
internal static unsafe class HintOps
{
    public static bool Nop(CpuCore c, DecodedOp* op) => true;

    public static bool Fence(CpuCore c, DecodedOp* op)
    {
        Interlocked.MemoryBarrier();
        return true;
    }

    /// <summary>CLFLUSH, CLFLUSHOPT, CLWB: checked like a byte read, without effect.</summary>
    public static bool FlushLine(CpuCore c, DecodedOp* op) => c.TryLoadOperand<byte>(op, out _);

    public static bool Undefined(CpuCore c, DecodedOp* op) => c.RaiseUd();
}
