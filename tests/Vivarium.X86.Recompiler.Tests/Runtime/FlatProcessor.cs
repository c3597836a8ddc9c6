using Vivarium.Memory;

namespace Vivarium.X86.Tests;

/// <summary>Processors in flat 32-bit protected mode without paging.</summary>
internal static class FlatProcessor
{
    private const uint FlatCode = 0xC09B;
    private const uint FlatData = 0xC093;

    public static X86Cpu Create(GuestMemory memory, Recompiler recompiler, ulong rip, int index = 0, IMmioPort? port = null)
    {
        var cpu = new X86Cpu(new X86CpuOptions { Memory = memory, Engine = recompiler, MmioPort = port, Index = index, CpuCount = index + 1 });
        cpu[X86Register.Cr0] = 0x31;
        cpu.SetSegment(X86Segment.Cs, 8, 0, uint.MaxValue, FlatCode);
        foreach (var segment in (X86Segment[])[X86Segment.Ds, X86Segment.Es, X86Segment.Ss])
        {
            cpu.SetSegment(segment, 16, 0, uint.MaxValue, FlatData);
        }

        cpu[X86Register.Rip] = rip;
        return cpu;
    }

    public static VcpuExitReason RunToEnd(X86Cpu cpu)
    {
        VcpuExit exit;
        do
        {
            exit = cpu.Run(1_000_000);
        }
        while (exit.Reason is VcpuExitReason.Budget or VcpuExitReason.Stopped);

        return exit.Reason;
    }
}
