using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Vivarium.X86.Tests;

/// <summary>
/// Two processors on two threads: what one sees of the other's stores (Intel SDM Vol. 3A §9.2.2, §9.2.3), and code that one writes while the
/// other runs (§9.1.3).
/// </summary>
public sealed class MemoryOrderTests
{
    private const ulong SecondCode = 0x11000;
    private const ulong X = GuestProgram.Data;
    private const ulong Y = GuestProgram.Data + 0x1040;
    private const ulong Turn = GuestProgram.Data + 0x2080;
    private const ulong Results = GuestProgram.Data + 0x4000;
    private const ulong Routine = GuestProgram.Data + 0x3000;
    private const int LongestMilliseconds = 60_000;
    private const int Rounds = 500;

    [Fact]
    public void StoresAreSeenInTheirOrder()
    {
        // One stores to X, then to Y; the other must not see Y ahead of X.
        RunBoth(
            code =>
            {
                var again = code.CreateLabel();
                code.mov(rbx, X);
                code.mov(rdx, Y);
                code.mov(ecx, 1);
                code.Label(ref again);
                code.mov(__dword_ptr[rbx], ecx);
                code.mov(__dword_ptr[rdx], ecx);
                code.inc(ecx);
                code.cmp(ecx, 40 * Rounds);
                code.jbe(again);
                code.hlt();
            },
            code =>
            {
                var (again, fine) = (code.CreateLabel(), code.CreateLabel());
                code.mov(rbx, X);
                code.mov(rdx, Y);
                code.xor(ebp, ebp);
                code.Label(ref again);
                code.mov(eax, __dword_ptr[rdx]);
                code.mov(esi, __dword_ptr[rbx]);
                code.cmp(esi, eax);
                code.jae(fine);
                code.inc(ebp);
                code.Label(ref fine);
                code.cmp(eax, 40 * Rounds);
                code.jb(again);
                code.hlt();
            },
            (_, second) => Assert.Equal(0UL, second[X86Register.Rbp]));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void AFenceOrdersAStoreBeforeALoad(bool byExchange)
    {
        // Each stores to its own word, then reads the other's: at least one must see the new value.
        void Loop(Assembler code, ulong own, ulong other, ulong result)
        {
            var (again, wait) = (code.CreateLabel(), code.CreateLabel());
            code.mov(rbx, own);
            code.mov(rdx, other);
            code.mov(rsi, Turn);
            code.mov(rdi, result);
            code.mov(ecx, 1);
            code.Label(ref again);
            code.@lock.inc(__dword_ptr[rsi]);
            code.lea(eax, __[rcx + rcx]);
            code.Label(ref wait);
            code.cmp(__dword_ptr[rsi], eax);
            code.jb(wait);
            if (byExchange)
            {
                code.mov(eax, ecx);
                code.xchg(__dword_ptr[rbx], eax);
            }
            else
            {
                code.mov(__dword_ptr[rbx], ecx);
                code.mfence();
            }

            code.mov(eax, __dword_ptr[rdx]);
            code.mov(__dword_ptr[rdi + (rcx * 4)], eax);
            code.inc(ecx);
            code.cmp(ecx, Rounds);
            code.jbe(again);
            code.hlt();
        }

        const ulong otherResults = Results + 0x10000;
        RunBoth(code => Loop(code, X, Y, Results), code => Loop(code, Y, X, otherResults), (first, _) =>
        {
            for (var round = 1; round <= Rounds; round++)
            {
                var (a, b) = (first.Memory.Read<int>(Results + ((ulong)round * 4)), first.Memory.Read<int>(otherResults + ((ulong)round * 4)));
                Assert.True(a >= round || b >= round, $"round {round}: both saw old values, {a} and {b}");
            }
        });
    }

    [Fact]
    public void CodeWrittenByAnotherProcessorRunsAfterAHandshake()
    {
        // The manual's protocol: write, raise a flag; the other waits, executes a serializing instruction, then the code.
        RunBoth(
            code =>
            {
                var (again, wait) = (code.CreateLabel(), code.CreateLabel());
                code.mov(rbx, Routine);
                code.mov(rdx, Turn);
                code.mov(ecx, 1);
                code.Label(ref again);
                code.mov(__dword_ptr[rbx + 4], ecx);
                code.mov(__dword_ptr[rdx], ecx);
                code.Label(ref wait);
                code.cmp(__dword_ptr[rdx + 4], ecx);
                code.jne(wait);
                code.inc(ecx);
                code.cmp(ecx, Rounds);
                code.jbe(again);
                code.hlt();
            },
            code =>
            {
                var (again, fine) = (code.CreateLabel(), code.CreateLabel());
                code.mov(rsi, Turn);
                code.mov(edi, 1);
                code.xor(ebp, ebp);
                code.Label(ref again);
                code.cmp(__dword_ptr[rsi], edi);
                code.jne(again);
                code.xor(eax, eax);
                code.cpuid();
                code.mov(rbx, Routine);
                code.call(rbx);
                code.cmp(eax, edi);
                code.je(fine);
                code.inc(ebp);
                code.Label(ref fine);
                code.mov(__dword_ptr[rsi + 4], edi);
                code.inc(edi);
                code.cmp(edi, Rounds);
                code.jbe(again);
                code.hlt();
            },
            (_, second) => Assert.Equal(0UL, second[X86Register.Rbp]));
    }

    [Theory]
    [InlineData(3)]
    [InlineData(0x800)]
    public void CodeRunsWhileItsPageIsWritten(int offset)
    {
        // At 3 lies the routine's immediate, aligned to four bytes; at 800 nothing that runs. The reader must see whole values, at last the last.
        var written = Routine + (ulong)offset + 1;
        RunBoth(
            code =>
            {
                var again = code.CreateLabel();
                code.mov(rbx, written);
                code.mov(ecx, 1);
                code.Label(ref again);
                code.imul(eax, ecx, 0x01010101);
                code.mov(__dword_ptr[rbx], eax);
                code.inc(ecx);
                code.cmp(ecx, 127);
                code.jbe(again);
                code.mov(rbx, Turn);
                code.mov(__dword_ptr[rbx], 1);
                code.hlt();
            },
            code =>
            {
                var (again, fine) = (code.CreateLabel(), code.CreateLabel());
                code.mov(rsi, Turn);
                code.mov(rbx, Routine);
                code.xor(ebp, ebp);
                code.Label(ref again);
                code.mov(edi, __dword_ptr[rsi]);
                code.call(rbx);
                code.mov(ecx, eax);
                code.bswap(ecx);
                code.cmp(ecx, eax);
                code.je(fine);
                code.inc(ebp);
                code.Label(ref fine);
                code.test(edi, edi);
                code.jz(again);
                code.hlt();
            },
            (first, second) =>
            {
                Assert.Equal(0UL, second[X86Register.Rbp]);
                Assert.Equal(0x7F7F7F7FU, first.Memory.Read<uint>(written));
                Assert.Equal(offset == 3 ? 0x7F7F7F7FUL : 0, second[X86Register.Rax]);
            });
    }

    [Fact]
    public void CodeRunsWhileTheHostWritesIt()
    {
        using var first = GuestProgram.Long(code =>
        {
            var again = code.CreateLabel();
            code.mov(rbx, Routine);
            code.Label(ref again);
            code.call(rbx);
            code.cmp(eax, 500);
            code.jne(again);
            code.hlt();
        });
        LoadRoutine(first);
        var run = new BackgroundRun(first);
        for (var i = 1; i <= 500; i++)
        {
            first.Memory.Write(Routine + 4, i);
        }

        Assert.Equal(VcpuExitReason.Halted, run.Wait(LongestMilliseconds)?.Exit);
        Assert.Equal(500UL, first[X86Register.Rax]);
    }

    private static void RunBoth(Action<Assembler> one, Action<Assembler> two, Action<GuestProgram, GuestProgram> check)
    {
        using var first = GuestProgram.Long(one);
        LoadRoutine(first);
        using var second = first.AddProcessor(two, SecondCode);
        var (a, b) = (new BackgroundRun(first), new BackgroundRun(second));
        Finish(a, first);
        Finish(b, second);
        check(first, second);
    }

    private static void Finish(BackgroundRun run, GuestProgram program)
    {
        var outcome = run.Wait(LongestMilliseconds);
        if (outcome is null)
        {
            program.Cpu.RequestStop();
            _ = run.Wait(LongestMilliseconds);
        }

        Assert.NotNull(outcome);
        outcome.AssertCompleted();
    }

    /// <summary>MOV EAX, 0 whose immediate is aligned; it starts at the routine's address.</summary>
    private static void LoadRoutine(GuestProgram program) => program.Memory.TryWrite(Routine, [0x0F, 0x1F, 0x00, 0xB8, 0, 0, 0, 0, 0xC3]);
}
