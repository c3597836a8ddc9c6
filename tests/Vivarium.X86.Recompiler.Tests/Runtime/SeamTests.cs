using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Vivarium.X86.Tests;

/// <summary>Hot code that goes on behind jumps, into other pages too: what it follows may change, and each run ends as on the interpreter.</summary>
public sealed class SeamTests
{
    private const ulong First = GuestProgram.CodeBase;
    private const ulong Second = 0x11040;
    private const ulong Third = 0x12080;
    private const ulong Other = 0x15000;
    private const int Rounds = 1_000_000;

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(6)]
    public void ALoopOverThreePages(int hotSamples) => Check(hotSamples, Rounds, static _ => { });

    /// <summary>Code behind the jump is rewritten now and then by the loop itself.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(6)]
    public void WhatWasFollowedIsRewritten(int hotSamples) => Check(hotSamples, Rounds, static program => program.Load(
        NowAndThen(static code =>
        {
            // The immediate of the addition at the third place.
            code.mov(rsi, Third + 3);
            code.mov(__byte_ptr[rsi], 0x55);
        }),
        Second,
        Second));

    /// <summary>A jump leads to other code when the page that it leads to is another.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(6)]
    public void APageThatWasFollowedBecomesAnother(int hotSamples) => Check(hotSamples, Rounds, static program =>
    {
        program.Load(Last(0x77), Third, Other + (Third & 0xFFF));
        program.Load(
            NowAndThen(static code =>
            {
                code.mov(rsi, GuestProgram.EntryOf(Third));
                code.xor(__dword_ptr[rsi], (int)((Third ^ Other) & ~0xFFFUL));
                code.invlpg(__[(long)Third]);
            }),
            Second,
            Second);
    });

    /// <summary>The same code at two addresses, with different neighbours, in turn.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(6)]
    public void ThePageBesideDependsOnTheAddress(int hotSamples) => Check(hotSamples, Rounds, static program =>
    {
        const ulong Alias = 0x200000 - 0x10000;
        program.Memory.Write(GuestProgram.EntryOf(First + Alias), First | 7);
        program.Memory.Write(GuestProgram.EntryOf(Second + Alias), (Second & ~0xFFFUL) | 7);
        program.Memory.Write(GuestProgram.EntryOf(Third + Alias), Other | 7);
        program.Load(
            LastTo(First + 0x100, 0x77),
            Third + Alias,
            Other + (Third & 0xFFF));
        program.Load(
            LastTo(First + Alias + 0x100, 0x11),
            Third,
            Third);
    });

    /// <summary>A fault behind the jump: its address and the flags before it are exact, at whatever round it comes.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(6)]
    public void AFaultBehindAJump(int hotSamples) => Check(hotSamples, Rounds, static program => program.Load(
        static code =>
        {
            code.mov(rsi, __[rbx]);
            code.add(rbx, 8);
            code.and(rbx, 0x3FFFFF);
            code.shl(r9, 3);
            code.lea(r9, __[r9 + rcx]);
            code.test(ecx, 0xFFFFF);
            code.cmovz(rbx, r10);
            code.jmp(Third);
        },
        Second,
        Second));

    /// <summary>Behind the jump comes all that must know which page it is in: what the interpreter does, ways out, addresses relative to the code.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(6)]
    public void WhatIsRelativeToTheCodeBehindAJump(int hotSamples) => Check(hotSamples, Rounds / 4, static program => program.Load(
        static code =>
        {
            var (constant, odd, even, callee) = (code.CreateLabel(), code.CreateLabel(), code.CreateLabel(), code.CreateLabel());
            code.add(rax, __qword_ptr[constant]);
            code.mov(rsi, GuestProgram.Data + 0xFFC);
            code.adc(rax, __[rsi]);
            code.str(esi);
            code.add(rax, __qword_ptr[constant]);
            code.fld(__qword_ptr[constant]);
            code.fnstenv(__[rbx]);
            code.add(rax, __[rbx + 12]);
            code.fstp(st0);
            code.test(ecx, 1);
            code.jz(even);
            code.jmp(odd);
            code.Label(ref constant);
            code.dq(0x4045_1234_5678_9ABC);
            code.Label(ref even);
            code.lea(rsi, __[constant]);
            code.add(rax, rsi);
            code.call(callee);
            code.mov(__qword_ptr[rbx + 64], rax);
            code.jmp(Third);
            code.Label(ref callee);
            code.add(rax, __[rsp]);
            code.ret();
            code.Label(ref odd);
            code.push(rcx);
            code.lea(rsi, __[constant]);
            code.lea(rdi, __[rbx + 64]);
            code.mov(ecx, 2);
            code.rep.movsd();
            code.add(rax, rsi);
            code.pop(rcx);
            code.jmp(Third);
        },
        Second,
        Second));

    /// <summary>An operand and an address relative to the code, with nothing beside them that sets right which page it is in.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(6)]
    public void AnOperandRelativeToTheCodeBehindAJump(int hotSamples) => Check(hotSamples, Rounds, static program => program.Load(
        static code =>
        {
            var constant = code.CreateLabel();
            code.lea(rsi, __[constant]);
            code.adc(rax, rsi);
            code.xor(rax, __qword_ptr[constant]);
            code.jmp(Third);
            code.Label(ref constant);
            code.dq(0x4045_1234_5678_9ABC);
        },
        Second,
        Second));

    /// <summary>The instruction behind the jump ends the block, and what comes behind it is reached from there.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(6)]
    public void InterruptsAreAllowedBehindAJump(int hotSamples) => Check(hotSamples, Rounds / 4, static program => program.Load(
        static code =>
        {
            code.sti();
            code.adc(rax, __[rbx]);
            code.cli();
            code.jmp(Third);
        },
        Second,
        Second));

    /// <summary>Code that a store changes and a jump in its page leads to, in code that is hot at once.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(6)]
    public void AStoreBeforeAFollowedJumpTakesEffect(int hotSamples) => Check(hotSamples, 3000, static program => program.Load(
        static code =>
        {
            code.mov(rsi, First + 0x203);
            code.mov(__byte_ptr[rsi], cl);
            code.and(__byte_ptr[rsi], 0x7F);
            code.jmp(First + 0x200);
        },
        First + 0x100,
        First + 0x100));

    /// <summary>The page that was followed may not be executed any more: the fault is at the target of the jump.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(6)]
    public void APageThatWasFollowedMayNotBeExecuted(int hotSamples) => Check(hotSamples, Rounds, static program => program.Load(
        NowAndThen(static code =>
        {
            code.mov(rsi, GuestProgram.EntryOf(Third) + 7);
            code.or(__byte_ptr[rsi], 0x80);
            code.invlpg(__[(long)Third]);
        }),
        Second,
        Second));

    /// <summary>The address space is loaded again with another page behind the jump; nothing else says so.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(6)]
    public void AnotherAddressSpaceHasAnotherPage(int hotSamples) => Check(hotSamples, Rounds, static program =>
    {
        program.Load(Last(0x77), Third, Other + (Third & 0xFFF));
        program.Load(
            NowAndThen(static code =>
            {
                code.mov(rsi, GuestProgram.EntryOf(Third));
                code.xor(__dword_ptr[rsi], (int)((Third ^ Other) & ~0xFFFUL));
                code.mov(rsi, cr3);
                code.mov(cr3, rsi);
            }),
            Second,
            Second);
    });

    /// <summary>Budgets that end anywhere in what was followed.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(6)]
    public void BudgetsAreKept(int hotSamples)
    {
        Assert.SkipUnless(Recompiler.IsSupported, "The recompiler needs an x64 host.");
        using var recompiler = new Recompiler(new RecompilerOptions { HotSamples = hotSamples });
        using var cut = Create(recompiler, Rounds, static _ => { }, isExact: true);
        using var stepped = Create(null, Rounds, static _ => { }, isExact: true);
        cut.Cpu.Run(3_000_000);
        stepped.Cpu.Run(3_000_000);
        for (var i = 0; i < 500; i++)
        {
            var budget = 1 + (i * 7 % 400);
            Assert.Equal(new VcpuExit(VcpuExitReason.Budget, budget), cut.Cpu.Run(budget));
            stepped.Cpu.Run(budget);
            GuestPrograms.AssertSame(stepped, cut);
        }
    }

    /// <summary>A breakpoint that comes to what was followed holds at the next round, and when it is gone all goes on.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(6)]
    public void ABreakpointComesToWhatWasFollowed(int hotSamples)
    {
        Assert.SkipUnless(Recompiler.IsSupported, "The recompiler needs an x64 host.");
        const ulong Breakpoint = Third + 4;
        using var recompiler = new Recompiler(new RecompilerOptions { HotSamples = hotSamples });
        using var program = Create(recompiler, Rounds, static _ => { });
        var debugger = program.Cpu.AttachDebugger();
        program.Cpu.Run(5_000_000);
        for (var i = 0; i < 3; i++)
        {
            debugger.AddBreakpoint(Breakpoint);
            debugger.ForgetStop();
            Assert.Equal(VcpuExitReason.Debug, program.Cpu.Run(1_000_000).Reason);
            Assert.Equal(Breakpoint, program[X86Register.Rip]);
            Assert.Equal(((ulong)Rounds - program[X86Register.Rcx] + 1) * 0x11, program[X86Register.Rdx]);
            debugger.RemoveBreakpoint(Breakpoint);
            debugger.ForgetStop();
            Assert.Equal(VcpuExitReason.Budget, program.Cpu.Run(1_000_000).Reason);
        }
    }

    /// <summary>What was followed is rewritten by another processor while the first is in it.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(6)]
    public void AnotherProcessorRewritesWhatWasFollowed(int hotSamples)
    {
        Assert.SkipUnless(Recompiler.IsSupported, "The recompiler needs an x64 host.");
        using var recompiler = new Recompiler(new RecompilerOptions { HotSamples = hotSamples });
        using var first = Create(recompiler, int.MaxValue, static program => program.Load(
            static code =>
            {
                code.mov(edx, 0x11);
                code.cmp(edx, 0x42);
                code.jne(First + 0x100);
                code.hlt();
            },
            Third,
            Third));
        using var second = first.AddProcessor(static code => { code.mov(rbx, Third); code.mov(__byte_ptr[rbx + 1], 0x42); code.hlt(); }, 0x18000);
        var run = new BackgroundRun(first);
        Assert.Null(run.Wait(200));
        second.Run().AssertCompleted();
        Assert.Equal(VcpuExitReason.Halted, run.Wait(10_000)?.Exit);
    }

    /// <summary>The loop's second part, which changes something before it goes on in some of many rounds.</summary>
    private static Action<Assembler> NowAndThen(Action<Assembler> change) => code =>
    {
        code.adc(rax, __[rbx]);
        code.test(ecx, 0x3FFFF);
        var goesOn = code.CreateLabel();
        code.jnz(goesOn);
        change(code);
        code.Label(ref goesOn);
        code.jmp(Third);
    };

    /// <summary>Runs the loop on both engines; <paramref name="change"/> replaces parts of it.</summary>
    private static void Check(int hotSamples, int rounds, Action<GuestProgram> change)
    {
        Assert.SkipUnless(Recompiler.IsSupported, "The recompiler needs an x64 host.");
        using var recompiler = new Recompiler(new RecompilerOptions { HotSamples = hotSamples });
        using var translated = Create(recompiler, rounds, change);
        using var interpreted = Create(null, rounds, change);
        var expected = interpreted.Run(100L * rounds);
        Assert.Equal(VcpuExitReason.Halted, expected.Exit);
        Assert.Equal(expected, translated.Run(100L * rounds));
        GuestPrograms.AssertSame(interpreted, translated);
    }

    private static GuestProgram Create(Recompiler? engine, int rounds, Action<GuestProgram> change, bool isExact = false)
    {
        var program = GuestProgram.Long(
            code =>
            {
                code.mov(ecx, rounds);
                code.mov(rbx, GuestProgram.Data);
                code.mov(r10, 0x500000);
                code.xor(eax, eax);
                code.xor(edx, edx);
                code.jmp(First + 0x100);
            },
            null,
            options => options with { Engine = engine, ExactBudget = isExact });
        program.Load(
            static code =>
            {
                code.add(rax, rcx);
                code.adc(r9d, 1);
                code.jmp(First + 0x200);
            },
            First + 0x100,
            First + 0x100);
        program.Load(
            static code =>
            {
                code.add(r9, 0x21);
                code.cmp(ecx, 5);
                code.jne(Second);
                code.inc(r9);
                code.jmp(Second);
            },
            First + 0x200,
            First + 0x200);
        program.Load(static code => { code.adc(rax, __[rbx]); code.jmp(Third); }, Second, Second);
        program.Load(Last(0x11), Third, Third);
        program.Memory.Write(GuestProgram.Data, 0x123456789ABCUL);
        change(program);
        return program;
    }

    private static Action<Assembler> Last(int value) => code =>
    {
        code.add(rdx, value);
        code.dec(ecx);
        code.jnz(First + 0x100);
        code.hlt();
    };

    /// <summary>As <see cref="Last"/>, where the loop begins too far away for a conditional jump.</summary>
    private static Action<Assembler> LastTo(ulong target, int value) => code =>
    {
        code.add(rdx, value);
        code.dec(ecx);
        var end = code.CreateLabel();
        code.jz(end);
        code.mov(rdi, target);
        code.jmp(rdi);
        code.Label(ref end);
        code.hlt();
    };
}
