using FsCheck.Xunit;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Vivarium.X86.Tests;

/// <summary><see cref="X86CpuOptions.ExactBudget"/>: a run executes exactly its budget, and where runs are cut changes nothing.</summary>
public sealed class ExactBudgetTests
{
    private const long MostInstructions = 20_000;

    /// <summary>Against the interpreter one instruction at a time.</summary>
    [Property(MaxTest = 150)]
    public void CutsAnywhereChangeNothing(int seed)
    {
        using var cut = Exact(seed, reachesOut: true);
        using var stepped = new ExactGuest(seed, reachesOut: true, options => options with { ExactBudget = true, Engine = null });
        var random = new Random(seed);
        var total = 0L;
        while (total < MostInstructions)
        {
            var budget = Budget(random);
            var exit = cut.Cpu.Run(budget);
            for (var i = 0L; i < exit.Instructions; i++)
            {
                Assert.Equal(1, stepped.Cpu.Run(1).Instructions);
            }

            total += exit.Instructions;
            Assert.Equal(stepped.Describe(), cut.Describe());
            Assert.Equal((ulong)total, cut.Cpu.InstructionCount);
            if (exit.Reason == VcpuExitReason.Halted)
            {
                Assert.InRange(exit.Instructions, 0, budget);
                return;
            }

            Assert.Equal(new VcpuExit(VcpuExitReason.Budget, budget), exit);
        }
    }

    /// <summary>What does not look at the clock counts the same without exact budgets.</summary>
    [Property(MaxTest = 150)]
    public void TheSumIsThatOfAnUncutRun(int seed)
    {
        using var cut = Exact(seed, reachesOut: false);
        using var whole = new ExactGuest(seed, reachesOut: false, options => options);
        var random = new Random(seed);
        Assert.Equal(VcpuExitReason.Halted, whole.Cpu.Run(long.MaxValue).Reason);
        while (cut.Cpu.Run(Budget(random)).Reason == VcpuExitReason.Budget)
        {
        }

        Assert.Equal(whole.Describe(), cut.Describe());
    }

    [Property(MaxTest = 50)]
    public void AStopRequestAnywhereChangesNothing(int seed)
    {
        using var plain = Exact(seed, reachesOut: true);
        using var stopped = Exact(seed, reachesOut: true);
        using var ended = new ManualResetEventSlim();
        var nagger = new Thread(() =>
        {
            while (!ended.Wait(0))
            {
                stopped.Cpu.RequestStop();
                Thread.SpinWait(500);
            }
        });
        nagger.Start();
        var reason = VcpuExitReason.Stopped;
        while (reason == VcpuExitReason.Stopped)
        {
            reason = stopped.Cpu.Run(MostInstructions - (long)stopped.Cpu.InstructionCount).Reason;
        }

        ended.Set();
        nagger.Join();
        Assert.Equal(plain.Cpu.Run(MostInstructions).Reason, reason);
        Assert.Equal(plain.Describe(), stopped.Describe());
    }

    /// <summary>Loops that are laid out several times, that end in the middle of a block, and that are as long as blocks get.</summary>
    [Theory]
    [InlineData(16, 41)]
    [InlineData(16, 64)]
    [InlineData(32, 2)]
    [InlineData(32, 8)]
    [InlineData(32, 64)]
    [InlineData(64, 2)]
    [InlineData(64, 8)]
    [InlineData(64, 41)]
    [InlineData(64, 64)]
    public void LoopsEndAtTheirBudgetInEveryMode(int bits, int length)
    {
        using var program = Create(bits, code =>
        {
            var again = code.CreateLabel();
            code.Label(ref again);
            for (var i = 1; i < length; i++)
            {
                code.inc(ecx);
            }

            code.jnz(again);
            code.hlt();
        });
        var start = program[X86Register.Rip];
        for (var budget = 1; budget < 200; budget++)
        {
            program[X86Register.Rip] = start;
            program[X86Register.Rcx] = 0;
            var total = 0;
            foreach (var part in (int[])[budget, 1, 63, 64, 65, budget])
            {
                Assert.Equal(new VcpuExit(VcpuExitReason.Budget, part), program.Cpu.Run(part));
                total += part;
                Assert.Equal((ulong)(total - (total / length)), program[X86Register.Rcx]);
            }
        }
    }

    [Fact]
    public void ARepeatedInstructionCountsOnceHoweverLongItIs()
    {
        using var program = Create(64, code => { code.rep.stosb(); code.inc(eax); code.hlt(); });
        program[X86Register.Rdi] = GuestProgram.Data;
        program[X86Register.Rcx] = 0x200000;
        Assert.Equal(new VcpuExit(VcpuExitReason.Budget, 1), program.Cpu.Run(1));
        Assert.Equal((0UL, GuestProgram.CodeBase + 2), (program[X86Register.Rcx], program[X86Register.Rip]));
        Assert.Equal(new VcpuExit(VcpuExitReason.Halted, 2), program.Cpu.Run(5));
    }

    [Fact]
    public void AFaultCostsNothingButTheHandlersInstructions()
    {
        using var program = Create(64, code => { code.nop(); code.ud2(); });
        Assert.Equal(new VcpuExit(VcpuExitReason.Budget, 1), program.Cpu.Run(1));
        Assert.Equal(GuestProgram.CodeBase + 1, program[X86Register.Rip]);

        // The handler is a HLT.
        Assert.Equal(new VcpuExit(VcpuExitReason.Halted, 1), program.Cpu.Run(1));
    }

    [Fact]
    public void FaultsForeverEndTheRunEarly()
    {
        using var program = Create(64, code => code.ud2());
        program.SetGate(6, GuestProgram.Gate(GuestProgram.Code64, (uint)GuestProgram.CodeBase, 0x8E));
        program.Memory.Write(GuestProgram.IdtBase + (6 * 16) + 4, (byte)1);
        Assert.Equal(new VcpuExit(VcpuExitReason.Budget, 0), program.Cpu.Run(10));
        Assert.Equal(new VcpuExit(VcpuExitReason.Budget, 0), program.Cpu.Run(long.MaxValue));
    }

    [Fact]
    public void TheClockIsRightWithinARun()
    {
        using var program = Create(64, code =>
        {
            for (var i = 0; i < 5; i++)
            {
                code.nop();
            }

            code.rdtsc();
            code.mov(ebx, eax);
            code.nop();
            code.rdtsc();
            code.hlt();
        });
        program.Run().AssertCompleted();
        Assert.Equal((5UL, 8UL), (program[X86Register.Rbx], program[X86Register.Rax]));
    }

    [Fact]
    public void RunsAllocateNothing()
    {
        using var program = Create(64, code =>
        {
            var again = code.CreateLabel();
            code.Label(ref again);
            code.rdtsc();
            code.add(rbx, rax);
            code.mov(__[rdi], rbx);
            code.jmp(again);
        });
        program[X86Register.Rdi] = GuestProgram.Data;
        var allocated = new long[3];
        for (var round = 0; round < allocated.Length; round++)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            for (var budget = 1; budget < 500; budget++)
            {
                program.Cpu.Run(budget);
            }

            allocated[round] = GC.GetAllocatedBytesForCurrentThread() - before;
        }

        // The first round decodes and translates.
        Assert.Equal(0, allocated[^1]);
    }

    private static ExactGuest Exact(int seed, bool reachesOut) => new(seed, reachesOut, options => options with { ExactBudget = true });

    private static GuestProgram Create(int bits, Action<Assembler> code) => bits switch
    {
        16 => GuestProgram.Real(code, configure: Configure),
        32 => GuestProgram.Protected(code, configure: Configure),
        _ => GuestProgram.Long(code, configure: Configure),
    };

    private static X86CpuOptions Configure(X86CpuOptions options) => options with { ExactBudget = true };

    private static long Budget(Random random) => random.Next(8) switch
    {
        0 or 1 => 1,
        2 or 3 => random.Next(1, 10),
        4 or 5 => random.Next(55, 75),
        6 => random.Next(1, 400),
        _ => random.Next(1, 5_000),
    };
}
