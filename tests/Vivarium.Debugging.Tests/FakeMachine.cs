using Vivarium.Memory;
using Vivarium.X86;

namespace Vivarium.Debugging.Tests;

/// <summary>Processors with flat memory and nobody to run them.</summary>
internal sealed class FakeMachine : IDebuggedMachine, IDisposable
{
    public const ulong Code = 0x1000;

    public FakeMachine(int cpuCount = 1, CpuModel? model = null)
    {
        Memory.AddRam(0, 1 << 20);
        Processors = [.. Enumerable.Range(0, cpuCount).Select(i => new X86Cpu(new X86CpuOptions { Memory = Memory, Index = i, CpuCount = cpuCount, Model = model ?? CpuModel.Max }))];
        foreach (var cpu in Processors)
        {
            cpu.SetSegment(X86Segment.Cs, 0, 0, 0xFFFF, 0x9B);
            cpu[X86Register.Rip] = Code;
        }
    }

    public event EventHandler? StateChanged;

    public GuestMemory Memory { get; } = new();

    public IReadOnlyList<X86Cpu> Processors { get; }

    public DebuggedState State { get; private set; }

    public int ExitCode => 0;

    public bool HaltsAtTripleFault { get; set; }

    public Task HaltAsync() => Change(DebuggedState.Halted);

    public Task ResumeAsync() => Change(DebuggedState.Running);

    public Task EndAsync() => Change(DebuggedState.Ended);

    public Task ResetAsync() => Task.CompletedTask;

    public void Dispose()
    {
        foreach (var cpu in Processors)
        {
            cpu.Dispose();
        }

        Memory.Dispose();
    }

    private Task Change(DebuggedState state)
    {
        if (State != state && State != DebuggedState.Ended)
        {
            State = state;
            StateChanged?.Invoke(this, EventArgs.Empty);
        }

        return Task.CompletedTask;
    }
}
