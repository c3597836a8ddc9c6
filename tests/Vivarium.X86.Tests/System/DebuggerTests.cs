using FsCheck.Xunit;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Vivarium.X86.Tests;

/// <summary>A debugger's breakpoints, watches and steps, of which the guest sees nothing.</summary>
public sealed class DebuggerTests
{
    private const ulong Loop = GuestProgram.CodeBase + 7;

    /// <summary>Counts RCX down from 1000 and stores it; a hot loop.</summary>
    private static GuestProgram Counting() => GuestProgram.Long(code =>
    {
        var again = code.CreateLabel();
        code.mov(ecx, 1000);
        code.xor(edx, edx);
        code.Label(ref again);
        code.mov(__qword_ptr[GuestProgram.Data], rcx); // Loop
        code.inc(rdx);
        code.dec(rcx);
        code.jnz(again);
        code.hlt();
    });

    private static (VcpuExitReason Reason, DebugStopKind Kind, ulong Rip) Run(GuestProgram program, CpuDebugger debugger)
    {
        debugger.ForgetStop();
        var reason = program.Cpu.Run(1_000_000).Reason;
        return (reason, debugger.Stop.Kind, program[X86Register.Rip]);
    }

    [Fact]
    public void ABreakpointInAHotLoopHoldsEachTime()
    {
        using var program = Counting();
        program.Run().AssertCompleted();
        program[X86Register.Rip] = GuestProgram.CodeBase;
        program.Cpu.SignalKick();
        var debugger = program.Cpu.AttachDebugger();
        debugger.AddBreakpoint(Loop);
        for (var i = 0UL; i < 1000; i++)
        {
            Assert.Equal((VcpuExitReason.Debug, DebugStopKind.Breakpoint, Loop), Run(program, debugger));
            Assert.Equal(1000 - i, program[X86Register.Rcx]);
        }

        debugger.RemoveBreakpoint(Loop);
        Assert.Equal(VcpuExitReason.Halted, Run(program, debugger).Reason);
        Assert.Equal(1000UL, program[X86Register.Rdx]);
    }

    [Fact]
    public void ABreakpointThatComesBackHoldsAtOnce()
    {
        using var program = Counting();
        var debugger = program.Cpu.AttachDebugger();
        debugger.AddBreakpoint(Loop);
        Assert.Equal(DebugStopKind.Breakpoint, Run(program, debugger).Kind);
        debugger.RemoveBreakpoint(Loop);
        program.Cpu.Run(300);
        debugger.AddBreakpoint(Loop);
        Assert.Equal((VcpuExitReason.Debug, DebugStopKind.Breakpoint, Loop), Run(program, debugger));

        // A step leads past it, but to continue where it stands is to stop there again.
        debugger.Continue();
        var count = program.Cpu.InstructionCount;
        Assert.Equal((VcpuExitReason.Debug, DebugStopKind.Breakpoint, Loop), Run(program, debugger));
        Assert.Equal(count, program.Cpu.InstructionCount);
        debugger.Step();
        Assert.Equal(DebugStopKind.Step, Run(program, debugger).Kind);
        Assert.Equal(count + 1, program.Cpu.InstructionCount);
    }

    [Fact]
    public void AnotherPageWithTheSameOffsetIsNotStopped()
    {
        using var program = Counting();
        var debugger = program.Cpu.AttachDebugger();
        debugger.AddBreakpoint(Loop + 0x1000);
        Assert.Equal(VcpuExitReason.Halted, Run(program, debugger).Reason);
        Assert.Equal(1000UL, program[X86Register.Rdx]);
    }

    [Fact]
    public void CodeUnderTwoAddressesStopsAtOneOfThem()
    {
        using var program = Counting();
        const ulong Alias = GuestProgram.CodeBase + 0x1000;
        program.Memory.Write(GuestProgram.EntryOf(Alias), GuestProgram.CodeBase | 7);
        var debugger = program.Cpu.AttachDebugger();
        debugger.AddBreakpoint(Loop + 0x1000);
        Assert.Equal(VcpuExitReason.Halted, Run(program, debugger).Reason);
        program[X86Register.Rip] = Alias;
        program.Cpu.SignalKick();
        Assert.Equal((VcpuExitReason.Debug, DebugStopKind.Breakpoint, Loop + 0x1000), Run(program, debugger));
    }

    [Fact]
    public void InRealModeABreakpointIsALinearAddress()
    {
        using var program = GuestProgram.Real(code => { code.nop(); code.nop(); code.nop(); code.hlt(); });
        var debugger = program.Cpu.AttachDebugger();
        debugger.AddBreakpoint(GuestProgram.CodeBase + 2);
        Assert.Equal((VcpuExitReason.Debug, DebugStopKind.Breakpoint, 2UL), Run(program, debugger));
    }

    [Theory]
    [InlineData(DataWatchKind.Write)]
    [InlineData(DataWatchKind.Access)]
    public void AWatchStopsBehindEachStore(object kind)
    {
        using var program = Counting();
        program.Run().AssertCompleted();
        program[X86Register.Rip] = GuestProgram.CodeBase;
        program.Cpu.SignalKick();
        var debugger = program.Cpu.AttachDebugger();
        debugger.AddWatch(new DataWatch(GuestProgram.Data + 4, 1, (DataWatchKind)kind));
        for (var i = 0UL; i < 1000; i++)
        {
            var (reason, stop, rip) = Run(program, debugger);
            Assert.Equal((VcpuExitReason.Debug, DebugStopKind.Watch), (reason, stop));
            Assert.Equal(Loop + 8, rip);
            Assert.Equal(1000 - i, program.Memory.Read<ulong>(GuestProgram.Data));
        }

        Assert.Equal(VcpuExitReason.Halted, Run(program, debugger).Reason);
    }

    [Fact]
    public void AWatchSeesNeitherNeighboursNorTheOtherKind()
    {
        using var program = Counting();
        var debugger = program.Cpu.AttachDebugger();
        debugger.AddWatch(new DataWatch(GuestProgram.Data - 8, 8, DataWatchKind.Access));
        debugger.AddWatch(new DataWatch(GuestProgram.Data + 8, 8, DataWatchKind.Access));
        debugger.AddWatch(new DataWatch(GuestProgram.Data, 8, DataWatchKind.Read));
        Assert.Equal(VcpuExitReason.Halted, Run(program, debugger).Reason);
    }

    /// <summary>Calls, returns, loops that unroll, indirect jumps and jumps out of the page.</summary>
    private static GuestProgram Wandering() => GuestProgram.Long(code =>
    {
        var (again, small, function, table, far) = (code.CreateLabel(), code.CreateLabel(), code.CreateLabel(), code.CreateLabel(), code.CreateLabel());
        code.Label(ref again);
        code.mov(ecx, 6);
        code.Label(ref small);
        code.add(rax, rcx);
        code.dec(ecx);
        code.jnz(small);
        code.call(function);
        code.lea(rbx, __[table]);
        code.jmp(rbx);
        code.nop();
        code.Label(ref table);
        code.mov(__qword_ptr[GuestProgram.Data], rax);
        code.push(rax);
        code.pop(rdx);
        code.sti();
        code.cli();
        code.jmp(far);
        code.Label(ref function);
        code.call(far);
        code.test(rax, rax);
        code.ret();
        for (var i = 0; i < 4200; i++)
        {
            code.nop();
        }

        code.Label(ref far);
        code.inc(rsi);
        code.test(esi, 1);
        var back = code.CreateLabel();
        code.jz(back);
        code.ret();
        code.Label(ref back);
        code.jmp(again);
    });

    [Property(MaxTest = 40)]
    public bool BreakpointsHoldWhereverASetOfThemIs(ushort[] choices, bool isWarm)
    {
        const int Steps = 400;
        var path = new List<ulong>();
        using (var oracle = Wandering())
        {
            var debugger = oracle.Cpu.AttachDebugger();
            for (var i = 0; i < Steps; i++)
            {
                debugger.Step();
                debugger.ForgetStop();
                oracle.Cpu.Run(1);
                path.Add(oracle[X86Register.Rip]);
            }
        }

        // The program stands at its first instruction already, where it would stop before anything else.
        var stops = choices.Select(choice => path[choice % path.Count]).Where(static stop => stop != GuestProgram.CodeBase).ToHashSet();
        using var program = Wandering();
        if (isWarm)
        {
            program.Cpu.Run(2 * Steps);
            program[X86Register.Rip] = GuestProgram.CodeBase;
            program[X86Register.Rsp] = GuestProgram.StackTop;
            program[X86Register.Rsi] = 0;
        }

        var start = program.Cpu.InstructionCount;
        foreach (var stop in stops)
        {
            program.Cpu.AddStopAddress(stop);
        }

        // What is cut and entered by address alone must do the same work as ever.
        for (var i = 0; i < path.Count; i++)
        {
            if (!stops.Contains(path[i]))
            {
                continue;
            }

            var exit = program.Cpu.Run(10 * Steps);
            if ((exit.Reason, program[X86Register.Rip], program.Cpu.InstructionCount - start) != (VcpuExitReason.Debug, path[i], (ulong)i + 1))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Instructions that access memory in their various ways; each stops once, behind itself.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    [InlineData(7)]
    [InlineData(8)]
    public void AWatchSeesEveryKindOfInstruction(int form)
    {
        using var program = GuestProgram.Long(code =>
        {
            code.mov(ebx, (int)GuestProgram.Data);
            code.mov(rsp, GuestProgram.Data + 8);
            code.mov(edi, ebx);
            code.mov(ecx, 1);
            code.nop();
            switch (form)
            {
                case 0: code.mov(__[rbx], eax); break;
                case 1: code.@lock.inc(__dword_ptr[rbx]); break;
                case 2: code.push(rax); break;
                case 3: code.xchg(__[rbx], rax); break;
                case 4: code.movups(__[rbx], xmm0); break;
                case 5: code.fstp(__qword_ptr[rbx]); break;
                case 6: code.stosb(); break;
                case 7: code.@lock.cmpxchg16b(__[rbx]); break;
                default: code.add(__dword_ptr[rbx], 5); break;
            }

            code.hlt();
        });
        program[X86Register.Cr4] |= 0x200;
        var debugger = program.Cpu.AttachDebugger();
        debugger.AddWatch(new DataWatch(GuestProgram.Data, 1, DataWatchKind.Access));
        var (_, kind, rip) = Run(program, debugger);
        Assert.Equal(DebugStopKind.Watch, kind);
        Assert.Equal(0xF4, program.Memory.Read<byte>(rip));
        Assert.Equal(VcpuExitReason.Halted, Run(program, debugger).Reason);
    }

    [Fact]
    public void ARepeatStopsAtTheElementAndGoesOn()
    {
        using var program = GuestProgram.Long(code => { code.rep.stosb(); code.hlt(); });
        program[X86Register.Rdi] = GuestProgram.Data;
        program[X86Register.Rcx] = 5000;
        program[X86Register.Rax] = 0x55;
        var debugger = program.Cpu.AttachDebugger();
        debugger.AddWatch(new DataWatch(GuestProgram.Data + 4097, 1, DataWatchKind.Write));
        Assert.Equal(DebugStopKind.Watch, Run(program, debugger).Kind);
        Assert.Equal(5000UL - 4098, program[X86Register.Rcx]);
        Assert.Equal(VcpuExitReason.Halted, Run(program, debugger).Reason);
        Assert.Equal((0UL, 0x55), (program[X86Register.Rcx], program.Memory.Read<byte>(GuestProgram.Data + 4999)));
    }

    [Fact]
    public void StepsExecuteOneInstructionEachAndLeaveNoTrace()
    {
        using var program = GuestProgram.Long(code => { code.pushfq(); code.pop(rax); code.mov(rbx, dr7); code.mov(rcx, dr6); code.hlt(); });
        var debugger = program.Cpu.AttachDebugger();
        debugger.AddBreakpoint(GuestProgram.CodeBase + 2);
        debugger.AddWatch(new DataWatch(GuestProgram.Data, 8, DataWatchKind.Access));
        for (var i = 1UL; i <= 4; i++)
        {
            debugger.Step();
            Assert.Equal(DebugStopKind.Step, Run(program, debugger).Kind);
            Assert.Equal(i, program.Cpu.InstructionCount);
        }

        Assert.Equal((2UL, 0x400UL, 0xFFFF0FF0UL), (program[X86Register.Rax], program[X86Register.Rbx], program[X86Register.Rcx]));
    }

    [Fact]
    public void TheGuestsOwnDebugRegistersWorkBesides()
    {
        using var program = GuestProgram.Long(code =>
        {
            code.mov(rax, GuestProgram.Data);
            code.mov(dr0, rax);
            code.mov(rax, 0x10401);
            code.mov(dr7, rax);
            code.mov(__dword_ptr[GuestProgram.Data], 1);
            code.hlt();
        });
        var debugger = program.Cpu.AttachDebugger();
        debugger.AddWatch(new DataWatch(GuestProgram.Data, 4, DataWatchKind.Write));
        Assert.Equal(DebugStopKind.Watch, Run(program, debugger).Kind);
        debugger.RemoveWatch(new DataWatch(GuestProgram.Data, 4, DataWatchKind.Write));
        debugger.ForgetStop();
        program.Run().AssertFault(1);
    }

    [Fact]
    public void AStepIntoAFaultEndsInItsHandler()
    {
        using var program = GuestProgram.Long(code => { code.ud2(); code.hlt(); });
        var debugger = program.Cpu.AttachDebugger();
        debugger.Step();
        Assert.Equal((VcpuExitReason.Debug, DebugStopKind.Step, GuestProgram.HandlerOf(6)), Run(program, debugger));
    }

    [Fact]
    public void InterruptsWaitWhileItStepsUnlessTheyEndAHalt()
    {
        using var program = GuestProgram.Long(code => { code.sti(); code.nop(); code.nop(); code.hlt(); code.nop(); });
        program.Apic.Raise(0x40);
        var debugger = program.Cpu.AttachDebugger();
        for (var i = 1; i <= 4; i++)
        {
            debugger.Step();
            Assert.Equal((VcpuExitReason.Debug, DebugStopKind.Step, GuestProgram.CodeBase + (ulong)i), Run(program, debugger));
        }

        debugger.Step();
        Assert.Equal((VcpuExitReason.Debug, DebugStopKind.Step, GuestProgram.HandlerOf(0x40)), Run(program, debugger));
    }

    [Fact]
    public void ARangeIsSteppedToItsEnd()
    {
        using var program = Counting();
        var debugger = program.Cpu.AttachDebugger();
        debugger.Step(GuestProgram.CodeBase, Loop + 8 + 3 + 3 + 2);
        var (reason, kind, rip) = Run(program, debugger);
        Assert.Equal((VcpuExitReason.Debug, DebugStopKind.Step, 1000UL), (reason, kind, program[X86Register.Rdx]));
        Assert.Equal(0xF4, program.Memory.Read<byte>(rip));
    }

    [Fact]
    public void AHeldProcessorDoesNothing()
    {
        using var program = Counting();
        var debugger = program.Cpu.AttachDebugger();
        debugger.Hold();
        Assert.False(program.Cpu.HasWork);
        Assert.Equal(new VcpuExit(VcpuExitReason.Halted, 0), program.Cpu.Run(1000));
        debugger.Continue();
        Assert.True(program.Cpu.HasWork);
        Assert.Equal(VcpuExitReason.Halted, Run(program, debugger).Reason);
    }

    [Fact]
    public void TheShadowOfStiOutlastsABreakpoint()
    {
        using var program = GuestProgram.Long(code => { code.sti(); code.nop(); code.nop(); code.hlt(); });
        program.Apic.Raise(0x40);
        var debugger = program.Cpu.AttachDebugger();
        debugger.AddBreakpoint(GuestProgram.CodeBase + 1);
        Assert.Equal((VcpuExitReason.Debug, DebugStopKind.Breakpoint, GuestProgram.CodeBase + 1), Run(program, debugger));
        debugger.RemoveBreakpoint(GuestProgram.CodeBase + 1);
        debugger.Continue();
        var outcome = program.Run();
        Assert.Equal((0x40, GuestProgram.CodeBase + 2), (outcome.Vector, outcome.Rip));
    }

    [Fact]
    public void AProbeSetsNoAccessedBits()
    {
        using var program = Counting();
        var probe = program.Cpu.AttachDebugger().Probe;
        Assert.Equal(8, probe.Read(GuestProgram.Data - 4, new byte[8]));
        Assert.True(probe.TryWrite(GuestProgram.Data, [1, 2, 3]));
        Assert.Equal(GuestProgram.Data | 7, program.Memory.Read<ulong>(GuestProgram.EntryOf(GuestProgram.Data)));
        Assert.Equal(0, probe.Read(1UL << 40, new byte[4]));
        Assert.Equal(0, probe.Read(1UL << 62, new byte[4]));
        Assert.Equal(16, probe.Read(GuestProgram.MemoryBytes - 16, new byte[64]));
        Assert.False(probe.TryWrite(GuestProgram.MemoryBytes - 2, new byte[4]));
    }

    [Fact]
    public void ADetachedDebuggerLeavesNothing()
    {
        using var program = Counting();
        var debugger = program.Cpu.AttachDebugger();
        debugger.AddBreakpoint(Loop);
        debugger.AddWatch(new DataWatch(GuestProgram.Data, 8, DataWatchKind.Write));
        debugger.Hold();
        program.Cpu.DetachDebugger();
        program.Run().AssertCompleted();
    }
}
