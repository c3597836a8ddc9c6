using Vivarium.Memory;

namespace Vivarium.X86.Tests;

public sealed class ForkedMemoryTests
{
    private const ulong Code = 0x10000;
    private const ulong Data = 0x20000;

    /// <summary>A host address that was looked up for reading is not used any more when a write gives the page another place.</summary>
    [Fact]
    public void AWriteMovesAPageThatReadsHaveLookedUp()
    {
        Assert.SkipUnless(Recompiler.IsSupported, "The recompiler needs an x64 host.");
        using var original = new GuestMemory();
        original.AddRam(0, 1 << 20);

        // mov eax, [esi]; mov dword [edi+16], 7; mov edx, [esi+16]; hlt
        Assert.True(original.TryWrite(Code, [0x8B, 0x06, 0xC7, 0x47, 0x10, 0x07, 0x00, 0x00, 0x00, 0x8B, 0x56, 0x10, 0xF4]));
        original.Write(Data, 5);
        using var template = original.Seal();
        using var memory = GuestMemory.Fork(template);
        using var recompiler = new Recompiler();
        using var cpu = FlatProcessor.Create(memory, recompiler, Code);
        cpu[X86Register.Rsi] = cpu[X86Register.Rdi] = Data;
        Assert.Equal(VcpuExitReason.Halted, FlatProcessor.RunToEnd(cpu));
        Assert.Equal(5UL, cpu[X86Register.Rax]);
        Assert.Equal(7UL, cpu[X86Register.Rdx]);
    }
}
