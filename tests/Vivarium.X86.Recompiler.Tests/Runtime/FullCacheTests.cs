using Vivarium.Memory;

namespace Vivarium.X86.Tests;

public sealed class FullCacheTests
{
    private const ulong Device = 0xFEC00000;
    private const ulong Code = 0x10000;
    private const ulong LongCode = 0x100000;

    /// <summary>While one processor waits for a device, another fills the cache and empties it: what the first was about is not lost.</summary>
    [Fact]
    public void CacheIsEmptiedDuringADeviceAccess()
    {
        Assert.SkipUnless(Recompiler.IsSupported, "The recompiler needs an x64 host.");
        using var recompiler = new Recompiler(new RecompilerOptions { CodeCacheBytes = 1 << 20 });
        using var memory = new GuestMemory();
        memory.AddRam(0, 4 << 20);
        var port = new OtherProcessor();
        using var first = FlatProcessor.Create(memory, recompiler, Code, port: port);
        using var second = FlatProcessor.Create(memory, recompiler, LongCode, index: 1);
        port.Run = () => Assert.Equal(VcpuExitReason.Halted, FlatProcessor.RunToEnd(second));

        // mov ecx, [device]; inc ecx; hlt
        Assert.True(memory.TryWrite(Code, [0x8B, 0x0D, 0x00, 0x00, 0xC0, 0xFE, 0x41, 0xF4]));

        // jmp to what follows, again and again: a block each. Then hlt.
        var jumps = new byte[(48 << 10) + 1];
        for (var i = 0; i < jumps.Length - 1; i += 2)
        {
            jumps[i] = 0xEB;
        }

        jumps[^1] = 0xF4;
        Assert.True(memory.TryWrite(LongCode, jumps));

        Assert.Equal(VcpuExitReason.Halted, FlatProcessor.RunToEnd(first));
        Assert.True(recompiler.GetReport().CacheFlushes > 0);
        Assert.Equal(0x1234UL, first[X86Register.Rcx]);
        Assert.Equal(3UL, first.InstructionCount);
    }

    private sealed class OtherProcessor : IMmioPort
    {
        public Action? Run { get; set; }

        public ulong ReadMmio(ulong gpa, int sizeBytes)
        {
            Assert.Equal(Device, gpa);
            Run?.Invoke();
            return 0x1233;
        }

        public void WriteMmio(ulong gpa, int sizeBytes, ulong value) => Assert.Fail("Nothing is written.");
    }
}
