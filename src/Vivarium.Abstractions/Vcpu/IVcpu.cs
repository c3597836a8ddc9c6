namespace Vivarium;

/// <summary>
/// A virtual processor that owns no thread: a scheduler lends it one by calling <see cref="Run"/>. After <see cref="Run"/> returns
/// nothing of it stays on that thread, so any other may continue it. At most one thread is inside <see cref="Run"/> at a time.
/// </summary>
public interface IVcpu
{
    /// <summary>The vCPU's number in its machine, from 0.</summary>
    int Index { get; }

    /// <summary>True if <see cref="Run"/> would execute instructions now: not halted, or something came that ends the halt. Any thread.</summary>
    bool HasWork { get; }

    /// <summary>Whom to tell when something arrives that ends a halt. Set by the scheduler before the first run.</summary>
    IVcpuWaker? Waker { get; set; }

    /// <summary>
    /// Runs at most <paramref name="instructionBudget"/> instructions, more by less than one translation block; exactly as many where
    /// <see cref="IExactVcpu.HasExactBudget"/>.
    /// </summary>
    VcpuExit Run(long instructionBudget);

    /// <summary>Makes the current or the next <see cref="Run"/> return soon with <see cref="VcpuExitReason.Stopped"/>. Any thread.</summary>
    void RequestStop();
}
