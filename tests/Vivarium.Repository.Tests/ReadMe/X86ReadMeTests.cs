using Vivarium.Memory;
using Vivarium.X86;

namespace Vivarium.Repository.Tests.ReadMe;

public sealed class X86ReadMeTests
{
    [Fact]
    public void The_processor_runs_alone()
    {
        using var memory = new GuestMemory();
        memory.AddRam(0, 64 << 10);
        memory.TryWrite(0x1000, [0xB8, 0x2A, 0x00, 0xF4]);                // mov ax, 42; hlt
        using var cpu = new X86Cpu(new X86CpuOptions { Memory = memory });
        cpu.SetSegment(X86Segment.Cs, selector: 0, baseAddress: 0, limit: 0xFFFF, accessRights: 0x9B);
        cpu[X86Register.Rip] = 0x1000;
        VcpuExit exit = cpu.Run(1_000_000);
        Console.WriteLine($"{exit.Reason}, AX = {cpu[X86Register.Rax]}");  // Halted, AX = 42

        Assert.Equal(VcpuExitReason.Halted, exit.Reason);
        Assert.Equal(42u, cpu[X86Register.Rax]);
    }

    [Fact]
    public void The_example_is_the_readmes() => Snippet.AssertInTest("src/Vivarium.X86/README.md", nameof(X86ReadMeTests));
}
