using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Vivarium.X86.Tests;

/// <summary>Run returns when its budget ends and when another thread asks for it, wherever the guest is; what was stopped goes on.</summary>
public sealed class StopTests
{
    private const int PatienceMs = 20_000;
    private const ulong Source = GuestProgram.Data;
    private const ulong Destination = GuestProgram.Data + 0x180000;
    private const int RepeatBytes = 0x100000;

    public static TheoryData<string> Loops => [.. s_loops.Keys];

    /// <summary>Guests that never end by themselves.</summary>
    private static readonly Dictionary<string, Action<Assembler>> s_loops = new()
    {
        ["a jump to itself"] = code => Forever(code, _ => { }),
        ["arithmetic"] = code => Forever(code, c => { c.add(rax, 3); c.imul(rbx, rax); c.xor(rdx, rbx); }),
        ["loads and stores"] = code => Forever(code, c => { c.mov(rax, __[rsi]); c.add(rax, 1); c.mov(__[rdi], rax); }),
        ["calls across pages"] = CallAcrossPages,
        ["an indirect jump"] = code => { code.mov(rax, GuestProgram.CodeBase + 7); code.jmp(rax); },
        ["rep movsb"] = code => Forever(code, c => { Rewind(c); c.rep.movsb(); }),
        ["rep movsb, overlapping"] = code => Forever(code, c => { Rewind(c); c.lea(rdi, __[rsi + 1]); c.rep.movsb(); }),
        ["rep stosq"] = code => Forever(code, c => { Rewind(c); c.mov(ecx, RepeatBytes / 8); c.rep.stosq(); }),
        ["rep stosb downwards"] = code => Forever(code, c => { Rewind(c); c.add(rdi, RepeatBytes - 1); c.std(); c.rep.stosb(); c.cld(); }),
        ["repe cmpsb"] = code => Forever(code, c => { Rewind(c); c.repe.cmpsb(); }),
    };

    [Theory]
    [MemberData(nameof(Loops))]
    public void AStopRequestFromAnotherThreadEndsTheRun(string loop)
    {
        using var program = Create(s_loops[loop]);
        for (var i = 0; i < 4; i++)
        {
            var run = new BackgroundRun(program);
            Assert.Null(run.Wait(2));
            program.Cpu.RequestStop();
            Assert.Equal(VcpuExitReason.Stopped, run.Wait(PatienceMs)?.Exit);
        }
    }

    [Theory]
    [MemberData(nameof(Loops))]
    public void TheBudgetEndsTheRun(string loop)
    {
        using var program = Create(s_loops[loop]);
        foreach (var budget in (long[])[1, 7, 100, 1_000])
        {
            var exit = program.Cpu.Run(budget);
            Assert.Equal(VcpuExitReason.Budget, exit.Reason);
            Assert.InRange(exit.Instructions, 0, budget + BlockDecoder.MaxInstructions - 1);
        }
    }

    [Fact]
    public void AStopRequestBeforeTheRunCountsOnce()
    {
        using var program = Create(code => Forever(code, _ => { }));
        program.Cpu.RequestStop();
        Assert.Equal(new VcpuExit(VcpuExitReason.Stopped, 0), program.Cpu.Run(10));
        Assert.Equal(VcpuExitReason.Budget, program.Cpu.Run(10).Reason);
    }

    [Fact]
    public void StopsInTheMiddleOfRepeatsChangeNothing()
    {
        const int rounds = 20;
        using var program = Create(code =>
        {
            var again = code.CreateLabel();
            code.mov(ebp, rounds);
            code.Label(ref again);
            Rewind(code);
            code.rep.movsb();
            Rewind(code);
            code.mov(ecx, RepeatBytes / 8);
            code.repe.cmpsq();
            code.add(rax, rcx);
            code.dec(ebp);
            code.jnz(again);
            code.hlt();
        });
        var data = new byte[RepeatBytes];
        new Random(5).NextBytes(data);
        program.Memory.TryWrite(Source, data);
        using var ended = new ManualResetEventSlim();
        var nagger = new Thread(() =>
        {
            while (!ended.Wait(0))
            {
                program.Cpu.RequestStop();
                Thread.SpinWait(2_000);
            }
        });
        nagger.Start();
        var instructions = 0L;
        VcpuExit exit;
        do
        {
            exit = program.Cpu.Run(1_000);
            instructions += exit.Instructions;
        }
        while (exit.Reason is VcpuExitReason.Stopped or VcpuExitReason.Budget);
        ended.Set();
        nagger.Join();
        Assert.Equal(VcpuExitReason.Halted, exit.Reason);
        Assert.Equal(0UL, program[X86Register.Rax]);
        Assert.Equal(1 + (rounds * 14) + 1, instructions);
        var copy = new byte[RepeatBytes];
        program.Memory.TryRead(Destination, copy);
        Assert.Equal(data, copy);
    }

    private static GuestProgram Create(Action<Assembler> code)
    {
        var program = GuestProgram.Long(code);
        program[X86Register.Rsi] = Source;
        program[X86Register.Rdi] = Destination;
        return program;
    }

    private static void Forever(Assembler code, Action<Assembler> body)
    {
        var again = code.CreateLabel();
        code.Label(ref again);
        body(code);
        code.jmp(again);
    }

    /// <summary>Four instructions: source, destination and count in bytes.</summary>
    private static void Rewind(Assembler code)
    {
        code.mov(rsi, Source);
        code.mov(rdi, Destination);
        code.mov(ecx, RepeatBytes);
        code.cld();
    }

    private static void CallAcrossPages(Assembler code)
    {
        var callee = code.CreateLabel();
        var again = code.CreateLabel();
        code.Label(ref again);
        code.call(callee);
        code.jmp(again);
        code.db(new byte[0x1000]);
        code.Label(ref callee);
        code.inc(rax);
        code.ret();
    }
}
