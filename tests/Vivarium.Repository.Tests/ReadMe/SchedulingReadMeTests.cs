using Vivarium.Memory;
using Vivarium.Scheduling;
using Vivarium.X86;

namespace Vivarium.Repository.Tests.ReadMe;

public sealed class SchedulingReadMeTests
{
    [Fact]
    public async Task A_processor_runs_in_the_pool()
    {
        using var memory = new GuestMemory();
        memory.AddRam(0, 64 << 10);
        memory.TryWrite(0x1000, [0xEB, 0xFE]); // jmp to itself
        using var cpu = new X86Cpu(new X86CpuOptions { Memory = memory });
        cpu.SetSegment(X86Segment.Cs, selector: 0, baseAddress: 0, limit: 0xFFFF, accessRights: 0x9B);
        cpu[X86Register.Rip] = 0x1000;
        var observer = new Observer();

        using var pool = new WorkerPoolScheduler(workerCount: 2);
        IVmSchedule machine = pool.AddMachine("web-1", new VmShare { Weight = 200, CapMilliCores = 1500 });
        IVcpuSchedule vcpu = machine.AddVcpu(cpu, observer);   // becomes cpu.Waker
        vcpu.Resume();
        machine.Share = machine.Share with { Weight = 50 };    // live
        await vcpu.PauseAsync();                               // nobody is inside cpu.Run any more

        Assert.Equal(50, machine.Share.Weight);
        Assert.NotNull(cpu.Waker);
        Assert.Null(observer.Failure);
    }

    [Fact]
    public void The_example_is_the_readmes() => Snippet.AssertInTest("src/Vivarium.Scheduling/README.md", nameof(SchedulingReadMeTests));

    private sealed class Observer : IVcpuObserver
    {
        public Exception? Failure { get; private set; }

        public void OnStopped(IVcpu vcpu, VcpuExit exit)
        {
        }

        public void OnFailed(IVcpu vcpu, Exception exception) => Failure = exception;
    }
}
