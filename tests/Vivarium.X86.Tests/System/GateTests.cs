using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Vivarium.X86.Tests;

/// <summary>Far transfers, call gates and hardware task switches (Intel SDM Vol. 3A §5.8 and chapter 8).</summary>
public sealed class GateTests
{
    private const ulong Inner = GuestProgram.CodeBase + 0x400;
    private const ulong SecondTask = 0x6000;
    private const ushort TaskSelector = GuestProgram.Free + 8;
    private const ulong OldTask = GuestProgram.TssBase;

    [Fact]
    public void FarCallAndReturnOnTheSameLevel()
    {
        using var program = GuestProgram.Protected(code => { code.call(GuestProgram.Code32, (uint)Inner); code.mov(ebx, 7); code.hlt(); });
        program.Load(code => { code.mov(eax, __[esp + 4]); code.retf(); }, Inner, Inner);
        program.Run().AssertCompleted();
        Assert.Equal(((ulong)GuestProgram.Code32, 7UL, GuestProgram.StackTop), (program[X86Register.Rax], program[X86Register.Rbx], program[X86Register.Rsp]));
    }

    [Theory]
    [InlineData(GuestProgram.DataSegment, 13, (uint)GuestProgram.DataSegment)]
    [InlineData(0, 13, 0u)]
    [InlineData(GuestProgram.UserCode32, 13, 0x18u)]
    [InlineData(GuestProgram.Free, 11, (uint)GuestProgram.Free)]
    public void FarJumpsCheckTheirTarget(int selector, int vector, uint error)
    {
        using var program = GuestProgram.Protected(code => code.jmp((ushort)selector, (uint)Inner));
        program.SetDescriptor(GuestProgram.Free, GuestProgram.Descriptor(0, 0xFFFFF, 0xC01B));
        program.Run().AssertFault(vector, error);
    }

    [Theory]
    [InlineData(0xECu, 4)]
    [InlineData(0xE4u, 2)]
    public void ACallGateToAnInnerLevelCopiesParameters(uint access, int size)
    {
        using var program = GuestProgram.Protected(code =>
        {
            if (size == 4)
            {
                code.push(0x33);
                code.push(0x22);
                code.push(0x11);
            }
            else
            {
                code.db(0x66, 0x6A, 0x33);
                code.db(0x66, 0x6A, 0x22);
                code.db(0x66, 0x6A, 0x11);
            }

            code.call((ushort)(GuestProgram.Free | 3), 0);
        }).AsUser();
        program.SetDescriptor(GuestProgram.Free, GuestProgram.Gate(GuestProgram.Code32, (uint)Inner, access, count: 3));
        var target = size == 4 ? Inner : Inner & 0xFFFF;
        program.Load(code => code.hlt(), target, target);
        program.Run().AssertCompleted();
        Assert.Equal((0, (ulong)(GuestProgram.KernelStackTop - (7 * (uint)size))), (program.Cpu.Cpl, program[X86Register.Rsp]));
        var actual = Enumerable.Range(1, 6).Select(i => program.Memory.Read<uint>(program[X86Register.Rsp] + (ulong)(i * size)) & (size == 4 ? uint.MaxValue : 0xFFFF));
        var outer = (uint)GuestProgram.StackTop - (3u * (uint)size);
        Assert.Equal([GuestProgram.UserCode32, 0x11, 0x22, 0x33, size == 4 ? outer : outer & 0xFFFF, GuestProgram.UserData], actual);
    }

    [Fact]
    public void ARetToTheOuterLevelReleasesParametersOnBothStacksAndDropsInnerSegments()
    {
        using var program = GuestProgram.Protected(code =>
        {
            code.push(0x11);
            code.call((ushort)(GuestProgram.Free | 3), 0);
            code.@int(0x80);
        }).AsUser();
        program.SetDescriptor(GuestProgram.Free, GuestProgram.Gate(GuestProgram.Code32, (uint)Inner, 0xEC, count: 1));
        program.Load(code => { code.mov(eax, GuestProgram.DataSegment); code.mov(es, eax); code.retf(4); }, Inner, Inner);
        program.Run().AssertFault(0x80);
        Assert.Equal(GuestProgram.StackTop, program.Memory.Read<uint>(program[X86Register.Rsp] + 12));
        Assert.Equal((0, GuestProgram.UserData), (program.Cpu.GetSegment(X86Segment.Es).Selector, program.Cpu.GetSegment(X86Segment.Ds).Selector));
    }

    /// <summary>Linux' sigreturn_32 expects it, and the host's processor does it.</summary>
    [Fact]
    public void NullSelectorsLoseTheirRplOnTheWayToTheOuterLevel()
    {
        using var program = GuestProgram.Protected(code =>
        {
            code.mov(ebx, 3);
            code.mov(gs, ebx);
            code.call((ushort)(GuestProgram.Free | 3), 0);
            code.@int(0x80);
        }).AsUser();
        program.SetDescriptor(GuestProgram.Free, GuestProgram.Gate(GuestProgram.Code32, (uint)Inner, 0xEC));
        program.Load(code => { code.mov(eax, 2); code.mov(fs, eax); code.mov(edx, gs); code.retf(); }, Inner, Inner);
        program.Run().AssertFault(0x80);
        Assert.Equal(3UL, program[X86Register.Rdx]);
        Assert.Equal((0, 0), (program.Cpu.GetSegment(X86Segment.Fs).Selector, program.Cpu.GetSegment(X86Segment.Gs).Selector));
    }

    [Fact]
    public void ACallGateWithoutPrivilegeFaults()
    {
        using var program = GuestProgram.Protected(code => code.call((ushort)(GuestProgram.Free | 3), 0)).AsUser();
        program.SetDescriptor(GuestProgram.Free, GuestProgram.Gate(GuestProgram.Code32, (uint)Inner, 0x8C));
        program.Run().AssertFault(13, GuestProgram.Free);
    }

    [Fact]
    public void ALongModeCallGateUses8ByteFrames()
    {
        using var program = GuestProgram.Long(code =>
        {
            code.mov(__dword_ptr[rsp - 8], 0);
            code.mov(__word_ptr[rsp - 4], GuestProgram.Free | 3);
            code.call(__fword_ptr[rsp - 8]);
        }).AsUser();
        program.SetDescriptor(GuestProgram.Free, GuestProgram.Gate(GuestProgram.Code64, (uint)Inner, 0xEC));
        program.Load(code => code.hlt(), Inner, Inner);
        program.Run().AssertCompleted();
        Assert.Equal(GuestProgram.KernelStackTop - 32, program[X86Register.Rsp]);
        Assert.Equal((ulong)GuestProgram.UserCode64, program.Memory.Read<ulong>(program[X86Register.Rsp] + 8));
        Assert.Equal(0, program.Cpu.GetSegment(X86Segment.Ss).Selector);
    }

    [Fact]
    public void AnInterruptGateClearsIfATrapGateDoesNot()
    {
        foreach (var (access, kept) in ((uint, bool)[])[(0x8E, false), (0x8F, true)])
        {
            using var program = GuestProgram.Protected(code => code.@int(0x70));
            program[X86Register.Rflags] = 0x4302;
            program.SetGate(0x70, GuestProgram.Gate(GuestProgram.Code32, (uint)GuestProgram.HandlerOf(0x70), access));
            program.Run().AssertFault(0x70);
            Assert.Equal(kept ? 0x200UL : 0, program[X86Register.Rflags] & 0x4300);
        }
    }

    [Fact]
    public void A16BitGatePushesWords()
    {
        using var program = GuestProgram.Protected(code => { code.@int(0x70); code.hlt(); });
        program.SetGate(0x70, GuestProgram.Gate(GuestProgram.Code32, (uint)Inner, 0x86));
        program.Load(code => { code.mov(eax, esp); code.hlt(); }, Inner & 0xFFFF, Inner & 0xFFFF);
        program.Run().AssertCompleted();
        Assert.Equal(GuestProgram.StackTop - 6, program[X86Register.Rax]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void ATaskIsCalledAndReturnsByIret(bool through)
    {
        using var program = TwoTasks(code => { code.call(through ? (ushort)(GuestProgram.Free + 16) : TaskSelector, 0); code.mov(ebx, 9); code.hlt(); });
        program.SetDescriptor(GuestProgram.Free + 16, GuestProgram.Gate(TaskSelector, 0, 0x85));
        program.Load(code => { code.pushfd(); code.pop(esi); code.str(edi); code.mov(__[(uint)GuestProgram.Data], esi); code.iretd(); code.hlt(); }, Inner, Inner);
        program.Run().AssertCompleted();
        Assert.Equal(9UL, program[X86Register.Rbx]);

        // NT was set in the new task and its link points back; afterwards it is available again and the old one busy.
        Assert.Equal(0x4000u, program.Memory.Read<uint>(GuestProgram.Data) & 0x4000);
        Assert.Equal(GuestProgram.Task, program.Memory.Read<ushort>(SecondTask));
        Assert.Equal((0x89UL, 0x8BUL), (program.GetDescriptor(TaskSelector) >> 40 & 0xFF, program.GetDescriptor(GuestProgram.Task) >> 40 & 0xFF));
        Assert.Equal(8UL, program[X86Register.Cr0] & 8);
        Assert.Equal(Inner + (ulong)IretEnd, program.Memory.Read<uint>(SecondTask + 32));
    }

    [Fact]
    public void AJumpToATaskLeavesTheOldOneAvailable()
    {
        using var program = TwoTasks(code => code.jmp(TaskSelector, 0));
        program.Load(code => code.hlt(), Inner, Inner);
        program.Run().AssertCompleted();
        Assert.Equal((0x8BUL, 0x89UL), (program.GetDescriptor(TaskSelector) >> 40 & 0xFF, program.GetDescriptor(GuestProgram.Task) >> 40 & 0xFF));
        Assert.Equal((0x1234UL, 0UL), (program[X86Register.Rdx], program[X86Register.Rflags] & 0x4000));
        Assert.Equal(GuestProgram.CodeBase + 7, program.Memory.Read<uint>(OldTask + 32));
    }

    [Theory]
    [InlineData(0x8Bu, 0x67u, 13)]
    [InlineData(0x09u, 0x67u, 11)]
    [InlineData(0x89u, 0x66u, 10)]
    public void BadTasksAreRefusedInTheOldTask(uint access, uint limit, int vector)
    {
        using var program = TwoTasks(code => code.jmp(TaskSelector, 0));
        program.SetDescriptor(TaskSelector, GuestProgram.Descriptor((uint)SecondTask, limit, access));
        var outcome = program.Run();
        outcome.AssertFault(vector, TaskSelector);
        Assert.Equal(GuestProgram.CodeBase, outcome.Rip);
    }

    [Theory]
    [InlineData(76UL, (uint)GuestProgram.DataSegment, 10)]
    [InlineData(80UL, (uint)GuestProgram.Code32, 10)]
    [InlineData(96UL, (uint)GuestProgram.DataSegment, 10)]
    [InlineData(84UL, 0xF8u, 10)]
    public void BadSegmentsOfANewTaskAreInvalidTssInThatTask(ulong slot, uint selector, int vector)
    {
        using var program = TwoTasks(code => code.jmp(TaskSelector, 0));
        program.Memory.Write(SecondTask + slot, selector);

        // The new task's registers are loaded but maybe not its segments: the handler runs as a task of its own.
        var third = SecondTask + 0x200;
        WriteTask(program, third, GuestProgram.HandlerOf(10));
        program.SetDescriptor(GuestProgram.Free + 24, GuestProgram.Descriptor((uint)third, 0x67, 0x89));
        program.SetGate(vector, GuestProgram.Gate(GuestProgram.Free + 24, 0, 0x85));
        program.Run();
        Assert.Equal(GuestProgram.HandlerOf(10) + 1, program[X86Register.Rip]);
        Assert.Equal(selector, program.Memory.Read<uint>(program[X86Register.Rsp]));

        // What was interrupted is the new task at its first instruction, not the jump.
        Assert.Equal(Inner, program.Memory.Read<uint>(SecondTask + 32));
        Assert.Equal(TaskSelector, program.Memory.Read<ushort>(third));
    }

    [Fact]
    public void ATaskWithItsTrapBitRaisesDebugFirst()
    {
        using var program = TwoTasks(code => code.jmp(TaskSelector, 0));
        program.Memory.Write(SecondTask + 100, (ushort)1);
        program.Load(code => code.hlt(), Inner, Inner);
        var outcome = program.Run();
        outcome.AssertFault(1);
        Assert.Equal(Inner, outcome.Rip);
    }

    [Fact]
    public void ASixteenBitTaskLeavesVirtual8086Mode()
    {
        // A V86 task takes an interrupt through a task gate to a 16-bit TSS.
        using var program = TwoTasks(code => code.jmp(TaskSelector, 0));
        program.Memory.Write(SecondTask + 36, 0x23002u);
        program.Memory.Write(SecondTask + 76, 0x3000u);
        program.Memory.Write(SecondTask + 32, 0u);
        program.Load(code => code.@int(0x70), 0, 0x30000, 16);
        const ulong Third = SecondTask + 0x200;
        foreach (var (offset, value) in ((ulong, ushort)[])[(14, 0x5800), (16, 2), (26, 0x5F00), (34, GuestProgram.DataSegment), (36, GuestProgram.Code16), (38, GuestProgram.DataSegment), (40, GuestProgram.DataSegment)])
        {
            program.Memory.Write(Third + offset, value);
        }

        program.Memory.Write(0x5800UL, (byte)0xF4);
        program.SetDescriptor(GuestProgram.Free + 24, GuestProgram.Descriptor((uint)Third, 0x2B, 0x81));
        program.SetGate(0x70, GuestProgram.Gate(GuestProgram.Free + 24, 0, 0xE5));
        program.Run();
        Assert.Equal((0x5801UL, 0UL, 0), (program[X86Register.Rip], program[X86Register.Rflags] & 0x20000, program.Cpu.Cpl));
        Assert.Equal((GuestProgram.Code16, 0UL), program.Cpu.GetSegment(X86Segment.Cs));
    }

    private static int IretEnd => 1 + 1 + 3 + 6 + 1;

    private static GuestProgram TwoTasks(Action<Assembler> code)
    {
        var program = GuestProgram.Protected(code);
        program.SetDescriptor(TaskSelector, GuestProgram.Descriptor((uint)SecondTask, 0x67, 0x89));
        WriteTask(program, SecondTask, Inner);
        return program;
    }

    private static void WriteTask(GuestProgram program, ulong task, ulong rip)
    {
        program.Memory.Write(task + 32, (uint)rip);
        program.Memory.Write(task + 36, 2u);
        program.Memory.Write(task + 48, 0x1234u);
        program.Memory.Write(task + 56, (uint)(task + 0x1000));
        foreach (var slot in (ReadOnlySpan<ulong>)[72, 80, 84, 88, 92])
        {
            program.Memory.Write(task + slot, (uint)GuestProgram.DataSegment);
        }

        program.Memory.Write(task + 76, (uint)GuestProgram.Code32);
    }
}
