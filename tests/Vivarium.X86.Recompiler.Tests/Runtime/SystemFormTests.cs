using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Vivarium.X86.Tests;

/// <summary>System instructions that emitted code executes itself: what they must not let slip.</summary>
public sealed class SystemFormTests
{
    private const ulong Smap = 1 << 21;
    private const ulong Star = 0x0023_0028_00000000;
    private const ulong Kernel = GuestProgram.CodeBase + 0x400;

    /// <summary>The code is run twice, so that its blocks are linked the second time.</summary>
    private const int Rounds = 2;

    [Fact]
    public void UserPagesAreOutOfReachBehindClac()
    {
        Label fault = default;
        using var program = WithSmap(code =>
        {
            fault = code.CreateLabel();
            code.mov(ebp, Rounds);
            var again = code.CreateLabel();
            code.Label(ref again);
            code.stac();
            code.mov(rax, __[rsi]);
            code.clac();
            code.dec(ebp);
            code.jnz(again);
            code.mov(rdx, __[rsi]);
            code.hlt();
        });
        program.Memory.Write(GuestProgram.Data, 0x1234UL);
        var outcome = program.Run();
        outcome.AssertFault(14, 1);
        Assert.Equal(0x1234UL, program[X86Register.Rax]);
        Assert.Equal(0UL, program[X86Register.Rdx]);
    }

    /// <summary>A return that a CLAC comes before leads to code for the mode that holds then, whatever its call was made under.</summary>
    [Fact]
    public void AReturnBehindClacKnowsTheNewMode()
    {
        using var program = WithSmap(code =>
        {
            var function = code.CreateLabel();
            code.stac();
            code.mov(rax, __[rsi]);
            code.call(function);
            code.mov(rdx, __[rsi]);
            code.hlt();
            code.Label(ref function);
            code.clac();
            code.ret();
        });
        program.Memory.Write(GuestProgram.Data, 0x1234UL);
        program.Run().AssertFault(14, 1);
        Assert.Equal((0x1234UL, 0UL), (program[X86Register.Rax], program[X86Register.Rdx]));
    }

    [Fact]
    public void StacWithoutSmapChangesTheFlagAlone()
    {
        using var program = WithSmap(code => { code.stac(); code.mov(rax, __[rsi]); code.pushfq(); code.pop(rbx); code.clac(); code.hlt(); });
        program[X86Register.Cr4] &= ~Smap;
        program.Run().AssertCompleted();
        Assert.NotEqual(0UL, program[X86Register.Rbx] & Rflags.Ac);
    }

    /// <summary>The kernel maps what the user may not have: neither finds the other's pages in its TLB, nor returns by the other's frames.</summary>
    [Fact]
    public void SystemCallsChangeWhatMayBeAccessed()
    {
        using var program = GuestProgram.Long(code =>
        {
            var function = code.CreateLabel();
            code.mov(ebp, 3);
            var again = code.CreateLabel();
            code.Label(ref again);
            code.call(function);
            code.dec(ebp);
            code.jnz(again);
            code.mov(rdx, __[rsi]);
            code.Label(ref function);
            code.syscall();
            code.ret();
        }).AsUser();
        program.Memory.Write(GuestProgram.EntryOf(GuestProgram.Data), GuestProgram.Data | 3);
        program.Memory.Write(GuestProgram.Data, 0x1234UL);
        program.Load(code => { code.add(rax, __[rsi]); code.sysretq(); }, Kernel, Kernel);
        program[X86Register.Rsi] = GuestProgram.Data;
        SetCalls(program, 0);
        program.Run().AssertFault(14, 5);
        Assert.Equal((3 * 0x1234UL, 0UL), (program[X86Register.Rax], program[X86Register.Rdx]));
    }

    /// <summary>With IA32_FMASK 0 a call keeps interrupts on, and alignment checks, which mean something else to the kernel.</summary>
    [Fact]
    public void SystemCallsMayKeepEveryFlag()
    {
        using var program = GuestProgram.Long(code => { code.syscall(); code.@int(0x80); }).AsUser();
        program.Load(code => { code.pushfq(); code.pop(rbx); code.mov(rax, __[rsi + 1]); code.sysretq(); }, Kernel, Kernel);
        program[X86Register.Rsi] = GuestProgram.Data;
        SetCalls(program, 0);
        program[X86Register.Rflags] = 0x40AD7;
        var outcome = program.Run();
        outcome.AssertFault(0x80);
        Assert.Equal((0x40AD7UL, 0x40AD7UL), (program[X86Register.Rbx], outcome.Flags));
    }

    /// <summary>What comes while interrupts are off waits for SYSRET, and then comes before the user's next instruction.</summary>
    [Fact]
    public void AnInterruptComesRightBehindSysret()
    {
        using var program = GuestProgram.Long(code => { code.syscall(); code.nop(); code.@int(0x80); }).AsUser();
        program.Load(code => { code.nop(); code.sysretq(); }, Kernel, Kernel);
        SetCalls(program, 0x200);
        program[X86Register.Rflags] = 0x202;
        program.Run(2);
        program.Apic.Raise(0x90);
        program.Cpu.SignalInterrupt();
        var outcome = program.Run();
        outcome.AssertFault(0x90);
        Assert.Equal((GuestProgram.CodeBase + 2, GuestProgram.UserCode64), (outcome.Rip, outcome.Cs));
    }

    /// <summary>Whenever an interrupt comes, none is delivered between STI and what follows it.</summary>
    [Fact]
    public void NoInterruptComesRightBehindSti()
    {
        using var program = GuestProgram.Long(code =>
        {
            var again = code.CreateLabel();
            code.Label(ref again);
            code.cli();
            code.nop();
            code.sti();
            code.nop();
            code.jmp(again);
        });
        for (var i = 0; i < 200; i++)
        {
            program[X86Register.Rip] = GuestProgram.CodeBase;
            program[X86Register.Rflags] = 2;
            program[X86Register.Rsp] = GuestProgram.StackTop;
            using var raised = new Timer(_ =>
            {
                program.Apic.Raise(0x90);
                program.Cpu.SignalInterrupt();
            });
            raised.Change(i % 3, Timeout.Infinite);
            var outcome = program.Run(long.MaxValue);
            outcome.AssertFault(0x90);
            Assert.True(outcome.Rip is GuestProgram.CodeBase or GuestProgram.CodeBase + 4, $"{outcome.Rip:X}");
        }
    }

    private static GuestProgram WithSmap(Action<Assembler> code)
    {
        var program = GuestProgram.Long(code);
        for (var page = 0UL; page < GuestProgram.Data; page += 0x1000)
        {
            program.Memory.Write(GuestProgram.EntryOf(page), page | 3);
        }

        program[X86Register.Cr4] |= Smap;
        program[X86Register.Rsi] = GuestProgram.Data;
        program[X86Register.Rdx] = 0;
        return program;
    }

    /// <summary>A kernel of its own writes the MSRs, then the program begins.</summary>
    private static void SetCalls(GuestProgram program, ulong mask)
    {
        const ulong At = GuestProgram.CodeBase + 0x800;
        var flags = program[X86Register.Rflags];
        program.Load(code =>
        {
            foreach (var (index, value) in new (uint, ulong)[] { (0xC0000081, Star), (0xC0000082, Kernel), (0xC0000084, mask) })
            {
                code.mov(ecx, index);
                code.mov(eax, (uint)value);
                code.mov(edx, (uint)(value >> 32));
                code.wrmsr();
            }

            code.hlt();
        }, At, At);
        program.Cpu.SetSegment(X86Segment.Cs, GuestProgram.Code64, 0, uint.MaxValue, 0xA09B);
        program[X86Register.Rip] = At;
        program.Run().AssertCompleted();
        program.AsUser();
        program[X86Register.Rip] = GuestProgram.CodeBase;
        program[X86Register.Rflags] = flags;
        program[X86Register.Rax] = program[X86Register.Rdx] = 0;
    }
}
