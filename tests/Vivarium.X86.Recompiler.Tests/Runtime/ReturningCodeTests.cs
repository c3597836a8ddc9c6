using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Vivarium.X86.Tests;

/// <summary>Code of a page that is written returns as it was translated if its own bytes are what they were, and nothing leads to what is not.</summary>
public sealed class ReturningCodeTests
{
    private const ulong First = GuestProgram.CodeBase;
    private const ulong Patched = First + 0x208;
    private const int Rounds = 2_000;

    /// <summary>A loop of several blocks writes to one of them in each round, as boot loaders do: that one alone is translated again.</summary>
    [Theory]
    [InlineData(1_000_000)]
    [InlineData(6)]
    public void OnlyWhatIsRewrittenIsTranslatedAgain(int hotSamples)
    {
        var report = Check(hotSamples, static code => code.mov(__byte_ptr[rsi + 3], cl));
        Assert.InRange(report.Blocks, Rounds, (Rounds * 5) / 4);
    }

    /// <summary>Two versions in turn, of which one returns each time.</summary>
    [Theory]
    [InlineData(1_000_000)]
    [InlineData(6)]
    [InlineData(0)]
    public void VersionsInTurn(int hotSamples) => Check(hotSamples, static code => code.xor(__byte_ptr[rsi + 3], 0x55));

    /// <summary>What is written is what was there: all returns.</summary>
    [Fact]
    public void TheSameBytesReturn()
    {
        var report = Check(1_000_000, static code =>
        {
            code.mov(al, __byte_ptr[rsi + 3]);
            code.mov(__byte_ptr[rsi + 3], al);
        });
        Assert.InRange(report.Blocks, 5, 50);
    }

    /// <summary>A block that was forgotten and is entered no more leaves by ways that lead to what is there now.</summary>
    [Fact]
    public void AnotherProcessorRewritesABlockOfALoop()
    {
        Assert.SkipUnless(Recompiler.IsSupported, "The recompiler needs an x64 host.");
        using var recompiler = new Recompiler(new RecompilerOptions { HotSamples = 1_000_000 });
        using var first = Create(recompiler, int.MaxValue, static code => code.nop());
        using var second = first.AddProcessor(
            static code =>
            {
                code.mov(rsi, Patched);
                code.mov(ecx, 1_000);
                var again = code.CreateLabel();
                code.Label(ref again);
                code.xor(__byte_ptr[rsi + 3], 0x55);
                code.dec(ecx);
                code.jnz(again);

                // From now on the loop's second block is HLT.
                code.mov(__byte_ptr[rsi], 0xF4);
                code.hlt();
            },
            0x18000);
        var run = new BackgroundRun(first);
        Assert.Null(run.Wait(100));
        second.Run().AssertCompleted();
        Assert.Equal(VcpuExitReason.Halted, run.Wait(10_000)?.Exit);
        Assert.Equal(Patched + 1, first[X86Register.Rip]);
    }

    private static RecompilerReport Check(int hotSamples, Action<Assembler> write)
    {
        Assert.SkipUnless(Recompiler.IsSupported, "The recompiler needs an x64 host.");
        using var recompiler = new Recompiler(new RecompilerOptions { HotSamples = hotSamples });
        using var translated = Create(recompiler, Rounds, write);
        using var interpreted = Create(null, Rounds, write);
        Assert.Equal(VcpuExitReason.Halted, interpreted.Run().Exit);
        Assert.Equal(VcpuExitReason.Halted, translated.Run().Exit);
        GuestPrograms.AssertSame(interpreted, translated);
        return recompiler.GetReport();
    }

    /// <summary>Four blocks of one page that lead to each other; the first writes, with RSI at an addition of an immediate in the second.</summary>
    private static GuestProgram Create(Recompiler? engine, int rounds, Action<Assembler> write)
    {
        var program = GuestProgram.Long(
            code =>
            {
                code.mov(ecx, rounds);
                code.mov(rsi, Patched);
                code.xor(edx, edx);
                code.xor(r9d, r9d);
                code.jmp(First + 0x100);
            },
            null,
            options => options with { Engine = engine });
        program.Load(
            code =>
            {
                write(code);
                code.jmp(Patched);
            },
            First + 0x100,
            First + 0x100);
        program.Load(
            static code =>
            {
                code.add(rdx, 0x11);
                code.test(edx, 8);
                code.jz(First + 0x300);
                code.jmp(First + 0x400);
            },
            Patched,
            Patched);
        program.Load(static code => { code.add(r9, 3); code.jmp(First + 0x400); }, First + 0x300, First + 0x300);
        program.Load(
            static code =>
            {
                code.lea(r9, __[r9 + (r9 * 2) + 1]);
                code.dec(ecx);
                code.jnz(First + 0x100);
                code.hlt();
            },
            First + 0x400,
            First + 0x400);
        return program;
    }
}
