namespace Vivarium.X86;

/// <summary>Time for a processor without a machine: a nanosecond an instruction, so that runs repeat exactly. It has no timers.</summary>
internal sealed unsafe class InstructionClock(CpuState* state) : IVmClock
{
    public long NowNs => (long)state->InstructionCount;

    public long WallClockBaseNs => 0;

    public IVmTimer CreateTimer(Action callback) =>
        throw new NotSupportedException("A processor without a machine has no timers. Give X86CpuOptions.Clock a clock that has.");
}
