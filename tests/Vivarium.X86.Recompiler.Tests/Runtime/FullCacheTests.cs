using Iced.Intel;
using Vivarium.Memory;
using static Iced.Intel.AssemblerRegisters;

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

    /// <summary>
    /// A page is mapped elsewhere in each round, by the processor that executes it, while its cache fills up: the code that is executed next is never that
    /// of the last frame. All pages are global, so that what was found before stays known from one round to the next.
    /// </summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void CacheIsEmptiedWhileAPageIsMappedElsewhere(bool isTranslated)
    {
        Assert.SkipUnless(Recompiler.IsSupported, "The recompiler needs an x64 host.");
        const ulong Frames = 0x100000;
        const ulong Page = 0x50000;
        const ulong GlobalEntry = 0x107;
        const int GlobalPages = 0x80;
        const int Rounds = 200_000;
        using var recompiler = new Recompiler(new RecompilerOptions { CodeCacheBytes = 1 << 20 });
        using var program = GuestProgram.Long(
            static code =>
            {
                var again = code.CreateLabel();
                var back = code.CreateLabel();
                var stale = code.CreateLabel();
                code.mov(ecx, Rounds);
                code.lea(rbx, __[back]);
                code.mov(r9, GuestProgram.EntryOf(Page));
                code.mov(rax, cr4);
                code.or(rax, GlobalPages);
                code.mov(cr4, rax);

                // The frame's number is the low byte of the round's, that of the function in it the next.
                code.Label(ref again);
                code.movzx(esi, cl);
                code.mov(eax, esi);
                code.shl(eax, 12);
                code.add(eax, (int)(Frames | GlobalEntry));
                code.mov(__qword_ptr[r9], rax);
                code.movzx(edi, ch);
                code.shl(edi, 4);
                code.add(edi, (int)Page);
                code.invlpg(__[rdi]);
                code.jmp(rdi);
                code.Label(ref back);
                code.cmp(eax, esi);
                code.jne(stale);
                code.dec(ecx);
                code.jnz(again);
                code.Label(ref stale);
                code.hlt();
            },
            null,
            options => options with { Engine = isTranslated ? recompiler : null });
        program.Memory.Write(GuestProgram.EntryOf(GuestProgram.CodeBase), GuestProgram.CodeBase | GlobalEntry);
        for (var frame = 0; frame < 256; frame++)
        {
            for (var function = 0UL; function < 256; function++)
            {
                // mov eax, frame; inc edx and dec edx, twice; jmp rbx: 65,536 of them are more than the interpreter's cache holds.
                Assert.True(program.Memory.TryWrite(Frames + ((ulong)frame << 12) + (function << 4), [0xB8, (byte)frame, 0, 0, 0, 0xFF, 0xC2, 0xFF, 0xCA, 0xFF, 0xC2, 0xFF, 0xCA, 0xFF, 0xE3]));
            }
        }

        Assert.Equal(VcpuExitReason.Halted, program.Run(100L * Rounds).Exit);
        Assert.Equal(0UL, program[X86Register.Rcx]);
        Assert.Equal(isTranslated, recompiler.GetReport().CacheFlushes > 10);
    }

    /// <summary>Accesses that miss their entries again and again wait for the cache while another processor fills and empties it.</summary>
    [Fact]
    public async Task CacheIsEmptiedWhileAccessesMiss()
    {
        Assert.SkipUnless(Recompiler.IsSupported, "The recompiler needs an x64 host.");
        using var recompiler = new Recompiler(new RecompilerOptions { CodeCacheBytes = 1 << 20, HotSamples = 1 });
        using var memory = new GuestMemory();
        memory.AddRam(0, 4 << 20);
        using var first = FlatProcessor.Create(memory, recompiler, Code);
        using var second = FlatProcessor.Create(memory, recompiler, LongCode, index: 1);

        // again: add ecx, 3000h; mov edx, ecx; and edx, 0F000h; eight times add eax, [edx + 40000h + 10000h i]; jmp again
        byte[] loop = [0x81, 0xC1, 0x00, 0x30, 0x00, 0x00, 0x89, 0xCA, 0x81, 0xE2, 0x00, 0xF0, 0x00, 0x00, .. Enumerable.Range(4, 8).SelectMany(i => (byte[])[0x03, 0x82, 0x00, 0x00, (byte)i, 0x00])];
        Assert.True(memory.TryWrite(Code, [.. loop, 0xEB, (byte)(-loop.Length - 2)]));
        var jumps = new byte[192 << 10];
        for (var i = 0; i < jumps.Length - 5; i += 2)
        {
            jumps[i] = 0xEB;
        }

        jumps[^6] = 0xE9;
        BitConverter.TryWriteBytes(jumps.AsSpan(^5), -(jumps.Length - 1));
        jumps[^1] = 0xFF;
        Assert.True(memory.TryWrite(LongCode, jumps));
        using var end = new CancellationTokenSource(TimeSpan.FromSeconds(2));
        var other = Task.Run(() => RunUntil(second, end.Token));
        try
        {
            RunUntil(first, end.Token);
        }
        finally
        {
            await end.CancelAsync();
            await other.WaitAsync(TimeSpan.FromSeconds(30));
        }

        Assert.InRange(recompiler.GetReport().CacheFlushes, 11, int.MaxValue);
    }

    private static void RunUntil(X86Cpu cpu, CancellationToken end)
    {
        while (!end.IsCancellationRequested)
        {
            Assert.Equal(VcpuExitReason.Budget, cpu.Run(1_000_000).Reason);
        }
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
