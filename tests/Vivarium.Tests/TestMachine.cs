namespace Vivarium.Tests;

/// <summary>Machines with scripted processors.</summary>
internal static class TestMachine
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    public static VirtualMachineBuilder Builder(Func<ScriptedCpu, VcpuExitReason> program, List<ScriptedCpu>? cpus = null) =>
        new VirtualMachineBuilder
        {
            CpuFactory = plan =>
            {
                var cpu = new ScriptedCpu(plan, program);
                cpus?.Add(cpu);
                return cpu;
            },
        }
        .WithMemory(4 << 20)
        .WithEngine(ExecutionEngine.Interpreter)
        .WithBootLoader(new FlatBinaryLoader(new byte[] { 0xF4 }));

    public static VirtualMachineBuilder Idle(List<ScriptedCpu>? cpus = null) => Builder(_ => VcpuExitReason.Halted, cpus);
}
