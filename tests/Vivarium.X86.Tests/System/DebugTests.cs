using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Vivarium.X86.Tests;

/// <summary>Single steps, breakpoints, RF, and the shadows of STI and MOV SS (Intel SDM Vol. 3B chapter 18, Vol. 3A §6.8).</summary>
public sealed class DebugTests
{
    private const ulong Tf = 0x100;
    private const ulong Rf = 0x10000;

    private static GuestProgram WithTrap(Action<Assembler> code)
    {
        var program = GuestProgram.Long(code);
        program[X86Register.Rflags] = 2 | Tf;
        return program;
    }

    private static ulong Dr6(GuestProgram program)
    {
        const ulong At = GuestProgram.CodeBase + 0x800;
        program.Load(code => { code.mov(rax, dr6); code.hlt(); }, At, At);
        program[X86Register.Rip] = At;
        program[X86Register.Rflags] = 2;
        program.Run().AssertCompleted();
        return program[X86Register.Rax];
    }

    [Fact]
    public void TheTrapComesAfterTheInstruction()
    {
        using var program = WithTrap(code => { code.nop(); code.nop(); });
        var outcome = program.Run();
        outcome.AssertFault(1);
        Assert.Equal((GuestProgram.CodeBase + 1, 0UL), (outcome.Rip, outcome.Flags & Rf));
        Assert.Equal(Tf, outcome.Flags & Tf);
        Assert.Equal(0xFFFF4FF0UL, Dr6(program));
    }

    [Fact]
    public void PopfThatSetsTfTrapsAfterTheNextInstruction()
    {
        using var program = GuestProgram.Long(code => { code.push(0x102); code.popfq(); code.nop(); code.nop(); });
        Assert.Equal(GuestProgram.CodeBase + 5 + 1 + 1, program.Run().Rip);
    }

    [Fact]
    public void ASoftwareInterruptIsNotTrapped()
    {
        using var program = WithTrap(code => code.@int(0x80));
        var outcome = program.Run();
        outcome.AssertFault(0x80);
        Assert.Equal(Tf, outcome.Flags & Tf);
    }

    [Fact]
    public void EachIterationOfARepeatIsTrappedInItsMiddleWithRf()
    {
        using var program = WithTrap(code => { code.rep.stosb(); code.hlt(); });
        program[X86Register.Rdi] = GuestProgram.Data;
        program[X86Register.Rcx] = 3;
        var outcome = program.Run();
        outcome.AssertFault(1);
        Assert.Equal((GuestProgram.CodeBase, 2UL, Rf), (outcome.Rip, program[X86Register.Rcx], outcome.Flags & Rf));
    }

    [Fact]
    public void TheLastIterationIsTrappedBehindTheInstruction()
    {
        using var program = WithTrap(code => { code.rep.stosb(); code.hlt(); });
        program[X86Register.Rdi] = GuestProgram.Data;
        program[X86Register.Rcx] = 1;
        var outcome = program.Run();
        Assert.Equal((1, GuestProgram.CodeBase + 2, 0UL), (outcome.Vector, outcome.Rip, outcome.Flags & Rf));
    }

    [Fact]
    public void MovSsHoldsTheTrapOffStiDoesNot()
    {
        using var stack = WithTrap(code => { code.mov(ss, eax); code.nop(); code.nop(); });
        stack[X86Register.Rax] = GuestProgram.DataSegment;
        Assert.Equal(GuestProgram.CodeBase + 3, stack.Run().Rip);
        using var interrupts = WithTrap(code => { code.sti(); code.nop(); code.nop(); });
        Assert.Equal(GuestProgram.CodeBase + 1, interrupts.Run().Rip);
    }

    /// <summary>An instruction breakpoint behind a load of SS is passed over; behind STI it is not, nor one instruction later.</summary>
    [Theory]
    [InlineData(false, 2, false)]
    [InlineData(false, 3, true)]
    [InlineData(true, 2, true)]
    public void MovSsPassesOverAnInstructionBreakpoint(bool isSti, ulong distance, bool isMet)
    {
        const ulong Body = GuestProgram.CodeBase + 0x100;
        using var program = GuestProgram.Long(code =>
        {
            code.mov(rax, Body + distance);
            code.mov(dr0, rax);
            code.mov(eax, 0x402);
            code.mov(dr7, rax);
            code.mov(eax, GuestProgram.DataSegment);
            code.jmp(Body);
        });
        program.Load(
            code =>
            {
                if (isSti)
                {
                    code.nop();
                    code.sti();
                }
                else
                {
                    code.mov(ss, eax);
                }

                code.nop();
                code.nop();
                code.cli();
                code.hlt();
            },
            Body,
            Body);
        var outcome = program.Run();
        if (isMet)
        {
            Assert.Equal((1, Body + distance), (outcome.Vector, outcome.Rip));
        }
        else
        {
            outcome.AssertCompleted();
        }
    }

    /// <summary>As the kernel's selftest mov_ss_trap has it: the handler would otherwise be interrupted on its own stack, for ever.</summary>
    [Fact]
    public void ATrapThatMovSsHeldOffEndsWithInt1()
    {
        using var program = GuestProgram.Long(code =>
        {
            code.mov(rax, GuestProgram.Data);
            code.mov(dr0, rax);
            code.mov(eax, 0x0007_0002);
            code.mov(dr7, rax);
            code.jmp(GuestProgram.CodeBase + 0x100);
        });
        program.Load(code => { code.mov(ss, __word_ptr[GuestProgram.Data]); code.int1(); code.nop(); code.hlt(); }, GuestProgram.CodeBase + 0x100, GuestProgram.CodeBase + 0x100);
        program.Memory.Write(GuestProgram.Data, GuestProgram.DataSegment);
        var outcome = program.Run();
        outcome.AssertFault(1);
        Assert.Equal(GuestProgram.CodeBase + 0x108, outcome.Rip);
    }

    [Fact]
    public void AHaltIsTrappedToo()
    {
        using var program = WithTrap(code => code.hlt());
        var outcome = program.Run();
        outcome.AssertFault(1);
        Assert.Equal(GuestProgram.CodeBase + 1, outcome.Rip);
    }

    [Fact]
    public void AnInstructionBreakpointIsAFaultAndRfPassesIt()
    {
        using var program = GuestProgram.Long(code =>
        {
            code.mov(rax, GuestProgram.CodeBase + 0x100);
            code.mov(dr0, rax);
            code.mov(rax, 1);
            code.mov(dr7, rax);
            code.jmp(GuestProgram.CodeBase + 0x100);
        });
        program.Load(code => { code.nop(); code.hlt(); }, GuestProgram.CodeBase + 0x100, GuestProgram.CodeBase + 0x100);
        var outcome = program.Run();
        outcome.AssertFault(1);
        Assert.Equal((GuestProgram.CodeBase + 0x100, 0UL), (outcome.Rip, outcome.Flags & Rf));
        program.Load(code => { code.or(__qword_ptr[rsp + 16], (int)Rf); code.iretq(); }, GuestProgram.HandlerBase + 17, GuestProgram.HandlerBase + 17);
        program.Run().AssertCompleted();
        Assert.Equal(GuestProgram.CodeBase + 0x102, program[X86Register.Rip]);
    }

    [Theory]
    [InlineData(1, true)]
    [InlineData(3, true)]
    [InlineData(3, false)]
    public void ADataBreakpointIsATrap(int kind, bool write)
    {
        using var program = GuestProgram.Long(code =>
        {
            code.mov(rbx, GuestProgram.Data);
            code.mov(ecx, __[rbx]);
            code.mov(dr1, rbx);
            code.mov(rax, (ulong)(0x4 | (kind << 20) | (3 << 22)));
            code.mov(dr7, rax);
            if (write)
            {
                code.mov(__byte_ptr[rbx + 3], 1);
            }
            else
            {
                code.mov(cl, __[rbx + 3]);
            }

            code.hlt();
        });
        var outcome = program.Run();
        outcome.AssertFault(1);
        program[X86Register.Rip] = outcome.Rip;
        program.Run().AssertCompleted();
        Assert.Equal(0xFFFF0FF2UL, Dr6(program));
    }

    [Fact]
    public void ADataBreakpointStopsARepeatAfterItsIteration()
    {
        using var program = GuestProgram.Long(code =>
        {
            code.mov(rdi, GuestProgram.Data);
            code.lea(rbx, __[rdi + 2]);
            code.mov(dr0, rbx);
            code.mov(eax, 0x10002);
            code.mov(dr7, rax);
            code.mov(ecx, 5);
            code.rep.stosb();
            code.hlt();
        });
        program.Run().AssertFault(1);
        Assert.Equal((2UL, GuestProgram.Data + 3), (program[X86Register.Rcx], program[X86Register.Rdi]));
    }

    [Fact]
    public void AFaultingInstructionLeavesNoBreakpointTrap()
    {
        using var program = GuestProgram.Long(code =>
        {
            code.mov(rsi, GuestProgram.Data);
            code.mov(dr0, rsi);
            code.mov(eax, 0x30002);
            code.mov(dr7, rax);
            code.mov(rdi, GuestProgram.Data + 0x1000);
            code.movsb();
        });
        program.Memory.Write(GuestProgram.EntryOf(GuestProgram.Data + 0x1000), 0UL);
        program.Run().AssertFault(14, 2);
        Assert.Equal(0xFFFF0FF0UL, Dr6(program));
    }

    [Fact]
    public void AnIoBreakpointNeedsDe()
    {
        using var program = GuestProgram.Long(code =>
        {
            code.mov(eax, 0x628);
            code.mov(cr4, rax);
            code.mov(eax, 0x80);
            code.mov(dr2, rax);
            code.mov(eax, 0x2000020);
            code.mov(dr7, rax);
            code.@out(0x80, al);
            code.hlt();
        });
        program.Run().AssertFault(1);
        Assert.Equal(0xFFFF0FF4UL, Dr6(program));
    }

    [Fact]
    public void GeneralDetectFaultsAndIsCleared()
    {
        using var program = GuestProgram.Long(code => { code.mov(eax, 0x2000); code.mov(dr7, rax); code.mov(rbx, dr0); });
        var outcome = program.Run();
        outcome.AssertFault(1);
        Assert.Equal((GuestProgram.CodeBase + 8, Rf), (outcome.Rip, outcome.Flags & Rf));
        Assert.Equal(0xFFFF2FF0UL, Dr6(program));
    }

    [Fact]
    public void DebugRegisters4And5NeedDeClear()
    {
        using var alias = GuestProgram.Long(code => { code.db(0x0F, 0x21, 0xE0); code.hlt(); });
        alias.Run().AssertCompleted();
        Assert.Equal(0xFFFF0FF0UL, alias[X86Register.Rax]);
        using var none = GuestProgram.Long(code => { code.mov(eax, 0x628); code.mov(cr4, rax); code.db(0x0F, 0x21, 0xE0); });
        none.Run().AssertFault(6);
    }

    [Fact]
    public void FaultsPushRfTrapsAndInterruptsDoNot()
    {
        using var fault = GuestProgram.Long(code => code.ud2());
        Assert.Equal(Rf, fault.Run().Flags & Rf);
        using var trap = GuestProgram.Long(code => code.int3());
        Assert.Equal(0UL, trap.Run().Flags & Rf);
    }

    [Fact]
    public void RfDoesNotOutliveTheNextInstruction()
    {
        using var program = GuestProgram.Long(code => { code.nop(); code.@int(0x80); });
        program[X86Register.Rflags] = 2 | Rf;
        Assert.Equal(0UL, program.Run().Flags & Rf);
    }

    [Fact]
    public void SysretWithTfTrapsAtOnce()
    {
        using var program = GuestProgram.Long(code =>
        {
            code.mov(ecx, 0xC0000081);
            code.mov(edx, 0x00200028);
            code.xor(eax, eax);
            code.wrmsr();
            code.mov(rcx, GuestProgram.CodeBase + 0x100);
            code.mov(r11d, 0x102);
            code.sysretq();
        });
        var outcome = program.Run();
        outcome.AssertFault(1);
        Assert.Equal(GuestProgram.CodeBase + 0x100, outcome.Rip);
    }
}
