using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Vivarium.X86.Tests;

/// <summary>External interrupts, NMI, halts, double and triple faults (Intel SDM Vol. 3A chapter 6).</summary>
public sealed class InterruptTests
{
    private const ulong If = 0x200;

    [Fact]
    public void StiShadowsExactlyOneInstruction()
    {
        using var program = GuestProgram.Long(code => { code.sti(); code.nop(); code.cli(); code.hlt(); });
        program.Apic.Raise(0x90);
        var outcome = program.Run();
        outcome.AssertFault(0x90);
        Assert.Equal(GuestProgram.CodeBase + 2, outcome.Rip);
    }

    [Fact]
    public void StiThenCliLetsNothingIn()
    {
        using var program = GuestProgram.Long(code => { code.sti(); code.cli(); code.nop(); code.hlt(); });
        program.Apic.Raise(0x90);
        program.Run().AssertCompleted();
    }

    [Fact]
    public void MovSsShadowsInterruptsUntilAfterTheNextInstruction()
    {
        using var program = GuestProgram.Long(code => { code.mov(ss, eax); code.mov(rsp, rbx); code.nop(); code.hlt(); });
        program[X86Register.Rax] = GuestProgram.DataSegment;
        program[X86Register.Rbx] = GuestProgram.StackTop;
        program[X86Register.Rflags] = 2 | If;
        Assert.Equal(VcpuExitReason.Budget, program.Cpu.Run(1).Reason);
        program.Apic.Raise(0x90);
        var outcome = program.Run();
        outcome.AssertFault(0x90);
        Assert.Equal(GuestProgram.CodeBase + 5, outcome.Rip);
    }

    [Fact]
    public void AHaltBehindStiOrMovSsWakes()
    {
        using var sti = GuestProgram.Long(code => { code.sti(); code.hlt(); });
        sti.Apic.Raise(0x91);
        Assert.Equal((0x91, GuestProgram.CodeBase + 2), Entered(sti));
        using var stack = GuestProgram.Long(code => { code.mov(ss, eax); code.hlt(); });
        stack[X86Register.Rax] = GuestProgram.DataSegment;
        stack[X86Register.Rflags] = 2 | If;
        stack.Cpu.Run(1);
        stack.Apic.Raise(0x91);
        Assert.Equal((0x91, GuestProgram.CodeBase + 3), Entered(stack));
    }

    [Fact]
    public void AHaltWithInterruptsOffWakesForNmiOnly()
    {
        using var program = GuestProgram.Long(code => code.hlt());
        program.Run().AssertCompleted();
        program.Apic.Raise(0x90);
        program.Cpu.SignalInterrupt();
        Assert.False(new Func<bool>(() => program.Cpu.Run(10).Instructions != 0)());
        program.Cpu.SignalNmi();
        Assert.True(program.Cpu.HasWork);
        program.Cpu.Run(10);
        Assert.Equal(GuestProgram.HandlerOf(2) + 1, program[X86Register.Rip]);
    }

    [Fact]
    public void NmiIsMaskedUntilIret()
    {
        using var program = GuestProgram.Long(code => { code.nop(); code.nop(); code.hlt(); });
        program.Load(code => { code.inc(ebx); code.pause(); code.pause(); code.iretq(); }, GuestProgram.HandlerOf(2), GuestProgram.HandlerOf(2));
        program.Cpu.SignalNmi();
        program.Cpu.Run(1);
        program.Cpu.SignalNmi();
        program.Cpu.Run(1);
        Assert.Equal(1UL, program[X86Register.Rbx]);
        program.Run().AssertCompleted();
        Assert.Equal(2UL, program[X86Register.Rbx]);
    }

    /// <summary>Two that come before the first is taken are both delivered; of those that come while one is handled, one is latched.</summary>
    [Theory]
    [InlineData(2, 0, 2)]
    [InlineData(5, 0, 2)]
    [InlineData(1, 3, 2)]
    [InlineData(2, 3, 2)]
    public void NmisAreNotMergedBeforeTheFirstIsTaken(int before, int during, int taken)
    {
        using var program = GuestProgram.Long(code => { code.nop(); code.nop(); code.hlt(); });
        program.Load(code => { code.inc(ebx); code.pause(); code.pause(); code.iretq(); }, GuestProgram.HandlerOf(2), GuestProgram.HandlerOf(2));
        Signal(before);
        program.Cpu.Run(1);
        Signal(during);
        program.Run().AssertCompleted();
        Assert.Equal((ulong)taken, program[X86Register.Rbx]);

        void Signal(int count)
        {
            for (var i = 0; i < count; i++)
            {
                program.Cpu.SignalNmi();
            }
        }
    }

    [Fact]
    public void CpuidSaysWhetherTheApicIsOn()
    {
        using var program = GuestProgram.Long(code => { code.mov(eax, 1); code.cpuid(); code.mov(esi, edx); code.mov(eax, 1); code.hlt(); code.cpuid(); code.hlt(); });
        program.Run().AssertCompleted();
        program.Apic.ApicBase = 0xFEE00000;
        program.Cpu.SignalNmi();
        program.Load(code => code.iretq(), GuestProgram.HandlerOf(2), GuestProgram.HandlerOf(2));
        program.Run().AssertCompleted();
        Assert.Equal((1u << 9, 0u), ((uint)program[X86Register.Rsi] & (1 << 9), (uint)program[X86Register.Rdx] & (1 << 9)));
        Assert.Equal((uint)program[X86Register.Rsi] & ~(1u << 9), (uint)program[X86Register.Rdx]);
    }

    [Fact]
    public void AKickBeforeTheHaltEndsTheHalt()
    {
        using var program = GuestProgram.Long(code => { code.nop(); code.hlt(); code.mov(ebx, 1); code.hlt(); });
        program.Cpu.SignalKick();
        program.Run().AssertCompleted();
        Assert.Equal(1UL, program[X86Register.Rbx]);
        Assert.False(program.Cpu.HasWork);
    }

    [Fact]
    public void AContributoryFaultDuringAContributoryFaultIsDouble()
    {
        // #GP whose gate is not present: #NP while delivering #GP.
        using var program = GuestProgram.Long(code => { code.mov(rbx, 0x800000000000); code.mov(al, __[rbx]); });
        program.SetGate(13, GuestProgram.Gate(GuestProgram.Code64, 0, 0x0E));
        program.Run().AssertFault(8, 0);
    }

    [Fact]
    public void APageFaultDuringAPageFaultIsDouble()
    {
        // #GP's gate lies in a page that is not present, and so does #PF's: #GP, then #PF alone, then #DF, whose gate can be read.
        using var program = GuestProgram.Long(code => { code.mov(rbx, 0x800000000000); code.mov(al, __[rbx]); });
        Span<byte> idt = stackalloc byte[0x1000];
        program.Memory.TryRead(GuestProgram.IdtBase, idt);
        program.Memory.TryWrite(0x200F30, idt);
        program[X86Register.IdtBase] = 0x200F30;
        program.Memory.Write(GuestProgram.EntryOf(0x201000), 0UL);
        program.Memory.Write(0x200F30UL + (13 * 16), 0UL);
        program[X86Register.IdtBase] = 0x201000 - (13 * 16);
        program.Memory.TryWrite(0x201000 - (13 * 16), idt[..(13 * 16)]);

        // #PF (14) is beyond the boundary too: a page fault while delivering a page fault.
        Assert.Equal(8, program.Run().Vector);
    }

    [Fact]
    public void AFaultWhileDeliveringADoubleFaultShutsDown()
    {
        using var program = GuestProgram.Long(code => code.ud2());
        program[X86Register.IdtLimit] = 0;
        Assert.Equal(VcpuExitReason.Shutdown, program.Run().Exit);
        Assert.Equal(VcpuExitReason.Shutdown, program.Cpu.Run(10).Reason);
    }

    [Theory]
    [InlineData(0x30, 13, 0x182u)]
    [InlineData(0x80, 0x80, null)]
    [InlineData(3, 13, 0x1Au)]
    public void IntChecksTheGatesPrivilege(int vector, int taken, uint? error)
    {
        using var program = GuestProgram.Long(code => code.@int((byte)vector)).AsUser();
        var outcome = program.Run();
        outcome.AssertFault(taken, error);
        Assert.Equal(GuestProgram.UserCode64, outcome.Cs);
    }

    [Fact]
    public void InterruptStackTableAndAlignment()
    {
        using var program = GuestProgram.Long(code => code.@int(0x81));
        program[X86Register.Rsp] = GuestProgram.StackTop - 3;
        program.Run().AssertFault(0x81);
        Assert.Equal(GuestProgram.StackTop - 16 - 40, program[X86Register.Rsp]);
        using var ist = GuestProgram.Long(code => code.@int(0x81));
        ist.SetGate(0x81, GuestProgram.Gate(GuestProgram.Code64, (uint)GuestProgram.HandlerOf(0x81), 0xEE, count: 1));
        ist.Run().AssertFault(0x81);
        Assert.Equal(GuestProgram.IstTop - 40, ist[X86Register.Rsp]);
    }

    [Fact]
    public void FromUserTheStackComesFromTheTss()
    {
        using var program = GuestProgram.Long(code => code.@int(0x81)).AsUser();
        program.Run().AssertFault(0x81);
        Assert.Equal((KernelFrame, 0), (program[X86Register.Rsp], program.Cpu.Cpl));
        Assert.Equal(0, program.Cpu.GetSegment(X86Segment.Ss).Selector);
    }

    [Theory]
    [InlineData(0, 17)]
    [InlineData(1, 17)]
    [InlineData(2, 17)]
    [InlineData(3, 0x80)]
    public void UnalignedUserAccessesAreCheckedIfAsked(int form, int vector)
    {
        using var program = GuestProgram.Long(code =>
        {
            code.mov(rbx, GuestProgram.Data + 1);
            switch (form)
            {
                case 0: code.mov(eax, __[rbx]); break;
                case 1: code.movq(xmm0, __qword_ptr[rbx]); break;
                case 2: code.@lock.inc(__word_ptr[rbx]); break;
                default: code.mov(al, __[rbx]); break;
            }

            code.@int(0x80);
        }).AsUser();
        program[X86Register.Cr0] = 0x80050033;
        program[X86Register.Rflags] = 0x40002;
        program.Run().AssertFault(vector, vector == 17 ? 0 : null);
    }

    [Fact]
    public void AStopAddressHoldsUnderSingleStepsToo()
    {
        using var program = GuestProgram.Long(code => { code.nop(); code.nop(); code.hlt(); });
        program.Load(code => code.iretq(), GuestProgram.HandlerOf(1), GuestProgram.HandlerOf(1));
        program[X86Register.Rflags] = 0x102;
        program.Cpu.AddStopAddress(GuestProgram.CodeBase + 1);
        Assert.Equal((VcpuExitReason.Debug, GuestProgram.CodeBase + 1), (program.Cpu.Run(100).Reason, program[X86Register.Rip]));
        Assert.NotEqual(VcpuExitReason.Debug, program.Cpu.Run(10).Reason);
    }

    [Fact]
    public void DivideErrorIsAFault()
    {
        using var program = GuestProgram.Long(code => code.div(ebx));
        var outcome = program.Run();
        outcome.AssertFault(0);
        Assert.Equal(GuestProgram.CodeBase, outcome.Rip);
    }

    /// <summary>The one 128-bit division that the host's own arithmetic refuses.</summary>
    [Fact]
    public void TheSmallestDividendByMinusOneIsADivideError()
    {
        using var program = GuestProgram.Long(code => code.idiv(rbx));
        program[X86Register.Rdx] = 1UL << 63;
        program[X86Register.Rbx] = ulong.MaxValue;
        program.Run().AssertFault(0);
    }

    private const ulong KernelFrame = GuestProgram.KernelStackTop - 40;

    private static (int Vector, ulong Rip) Entered(GuestProgram program)
    {
        var outcome = program.Run();
        return (outcome.Vector ?? -1, outcome.Rip);
    }
}
