using Vivarium.Memory;

namespace Vivarium.X86.Tests;

public sealed class HotCodeTests
{
    private const ulong Code = 0x10000;
    private const int Rounds = 200_000;

    /// <summary>An access that meets another page each time gives its entry up; what it reads is right before and after.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(6)]
    public void AnAccessOfManyPagesIsRight(int hotSamples)
    {
        Assert.SkipUnless(Recompiler.IsSupported, "The recompiler needs an x64 host.");
        using var memory = new GuestMemory();
        memory.AddRam(0, 1 << 20);
        for (uint page = 0; page < 16; page++)
        {
            Assert.True(memory.TryWrite(0x40000 + (page << 12), BitConverter.GetBytes(page)));
        }

        // mov ecx, rounds; xor eax, eax; again: mov edx, ecx; and edx, 15; shl edx, 12; add eax, [edx + 40000h]; inc dword [50000h]; dec ecx; jnz again; hlt
        Assert.True(memory.TryWrite(
            Code,
            [
                0xB9, .. BitConverter.GetBytes(Rounds), 0x31, 0xC0, 0x89, 0xCA, 0x83, 0xE2, 0x0F, 0xC1, 0xE2, 0x0C, 0x03, 0x82, 0x00, 0x00, 0x04, 0x00,
                0xFF, 0x05, 0x00, 0x00, 0x05, 0x00, 0x49, 0x75, 0xE9, 0xF4,
            ]));
        using var recompiler = new Recompiler(new RecompilerOptions { HotSamples = hotSamples });
        using var cpu = FlatProcessor.Create(memory, recompiler, Code);
        Assert.Equal(VcpuExitReason.Halted, FlatProcessor.RunToEnd(cpu));
        Assert.Equal((ulong)Enumerable.Range(1, Rounds).Sum(static n => n & 15), cpu[X86Register.Rax]);
        Assert.Equal((7UL * Rounds) + 3, cpu.InstructionCount);
        Span<byte> count = stackalloc byte[4];
        Assert.True(memory.TryRead(0x50000, count));
        Assert.Equal(Rounds, BitConverter.ToInt32(count));
        Assert.InRange(recompiler.GetReport().SlowPaths.Sum(each => each.Value), 1, 64);
    }
}
