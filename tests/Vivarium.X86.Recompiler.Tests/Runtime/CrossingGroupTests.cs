using Vivarium.Memory;

namespace Vivarium.X86.Tests;

public sealed class CrossingGroupTests
{
    private const ulong Code = 0x10000;

    /// <summary>Two words on either side of a page's end.</summary>
    private const ulong Stack = 0x20FFC;

    /// <summary>A function whose pops and return cross a page each time: after a while they are native again.</summary>
    [Fact]
    public void AStackThatCrossesAPageIsNotInterpretedForEver()
    {
        Assert.SkipUnless(Recompiler.IsSupported, "The recompiler needs an x64 host.");
        const int Calls = 100_000;
        using var memory = new GuestMemory();
        memory.AddRam(0, 1 << 20);

        // mov ecx, calls; again: call f; dec ecx; jnz again; hlt; f: push eax; push edx; pop edx; pop eax; ret
        Assert.True(memory.TryWrite(
            Code, [0xB9, 0xA0, 0x86, 0x01, 0x00, 0xE8, 0x04, 0x00, 0x00, 0x00, 0x49, 0x75, 0xF8, 0xF4, 0x50, 0x52, 0x5A, 0x58, 0xC3]));
        using var recompiler = new Recompiler();
        using var cpu = FlatProcessor.Create(memory, recompiler, Code);
        cpu[X86Register.Rsp] = Stack + 8;
        Assert.Equal(VcpuExitReason.Halted, FlatProcessor.RunToEnd(cpu));
        Assert.Equal((8UL * Calls) + 2, cpu.InstructionCount);
        var interpreted = recompiler.GetReport().SlowPaths.Sum(each => each.Value);
        Assert.InRange(interpreted, 1, Calls / 10);
    }
}
