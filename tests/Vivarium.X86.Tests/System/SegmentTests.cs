using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Vivarium.X86.Tests;

/// <summary>Segment loads, limits and rights, real, unreal and virtual-8086 mode (Intel SDM Vol. 3A chapters 5 and 20).</summary>
public sealed class SegmentTests
{
    public static TheoryData<uint, int, int, int?> Loads => new()
    {
        // attributes, RPL, CPL, vector
        { 0xC093, 0, 0, null },
        { 0xC091, 0, 0, null },
        { 0xC09A, 0, 0, null },
        { 0xC098, 0, 0, 13 },
        { 0xC093, 3, 0, 13 },
        { 0xC093, 0, 3, 13 },
        { 0xC0F3, 3, 3, null },
        { 0xC09F, 3, 3, null },
        { 0xC013, 0, 0, 11 },
        { 0x0082, 0, 0, 13 },
        { 0x008B, 0, 0, 13 },
    };

    public static TheoryData<uint, int, int?> StackLoads => new()
    {
        { 0xC093, 0, null },
        { 0xC091, 0, 13 },
        { 0xC09B, 0, 13 },
        { 0xC0F3, 0, 13 },
        { 0xC093, 3, 13 },
        { 0xC013, 0, 12 },
    };

    [Theory]
    [MemberData(nameof(Loads))]
    public void DataLoads(uint attributes, int rpl, int cpl, int? vector)
    {
        using var program = GuestProgram.Protected(code => { code.mov(ds, eax); code.@int(0x80); });
        if (cpl == 3)
        {
            program.AsUser();
        }

        program.SetDescriptor(GuestProgram.Free, GuestProgram.Descriptor(0x1000, 0xFFFFF, attributes));
        program[X86Register.Rax] = (uint)(GuestProgram.Free | rpl);
        program.Run().AssertFault(vector ?? 0x80, vector is null ? null : GuestProgram.Free);
        Assert.Equal(vector is null ? GuestProgram.Free | rpl : cpl == 3 ? GuestProgram.UserData : GuestProgram.DataSegment, program.Cpu.GetSegment(X86Segment.Ds).Selector);
    }

    [Theory]
    [MemberData(nameof(StackLoads))]
    public void StackLoadsAreStricter(uint attributes, int rpl, int? vector)
    {
        using var program = GuestProgram.Protected(code => { code.mov(ss, eax); code.hlt(); });
        program.SetDescriptor(GuestProgram.Free, GuestProgram.Descriptor(0, 0xFFFFF, attributes));
        program[X86Register.Rax] = (uint)(GuestProgram.Free | rpl);
        var outcome = program.Run();
        Assert.Equal((vector, vector is null ? null : (uint?)GuestProgram.Free), (outcome.Vector, outcome.ErrorCode));
    }

    [Fact]
    public void ALoadSetsTheAccessedBit()
    {
        using var program = GuestProgram.Protected(code => { code.mov(es, eax); code.hlt(); });
        program.SetDescriptor(GuestProgram.Free, GuestProgram.Descriptor(0, 0xFFFFF, 0xC092));
        program[X86Register.Rax] = GuestProgram.Free;
        program.Run().AssertCompleted();
        Assert.Equal(0x93UL, program.GetDescriptor(GuestProgram.Free) >> 40 & 0xFF);
    }

    [Fact]
    public void NullSegmentsLoadButCannotBeUsed()
    {
        using var program = GuestProgram.Protected(code => { code.mov(ds, eax); code.mov(cl, __[0x100]); });
        program[X86Register.Rax] = 3;
        program.Run().AssertFault(13, 0);
        using var stack = GuestProgram.Protected(code => code.mov(ss, eax));
        stack[X86Register.Rax] = 0;
        stack.Run().AssertFault(13, 0);
    }

    [Fact]
    public void SelectorsBeyondTheTableFault()
    {
        using var program = GuestProgram.Protected(code => code.mov(ds, eax));
        program[X86Register.Rax] = 0x1000;
        program.Run().AssertFault(13, 0x1000);
        using var local = GuestProgram.Protected(code => code.mov(ds, eax));
        local[X86Register.Rax] = 0x14;
        local.Run().AssertFault(13, 0x14);
    }

    [Theory]
    [InlineData(0xFFFu, 0x4093u, 0xFFCu, null)]
    [InlineData(0xFFFu, 0x4093u, 0xFFDu, 13)]
    [InlineData(0xFFFu, 0x4097u, 0x1000u, null)]
    [InlineData(0xFFFu, 0x4097u, 0xFFFu, 13)]
    [InlineData(0xFFFu, 0x0097u, 0xFFFCu, null)]
    [InlineData(0xFFFu, 0x0097u, 0xFFFDu, 13)]
    [InlineData(0xFFFu, 0x4091u, 0u, 13)]
    public void LimitsAndRights(uint limit, uint attributes, uint offset, int? vector)
    {
        using var program = GuestProgram.Protected(code => { code.mov(ds, eax); code.mov(__dword_ptr[ebx], 1); code.hlt(); });
        program.SetDescriptor(GuestProgram.Free, GuestProgram.Descriptor(0x100000, limit, attributes));
        program[X86Register.Rax] = GuestProgram.Free;
        program[X86Register.Rbx] = offset;
        Assert.Equal(vector, program.Run().Vector);
    }

    [Fact]
    public void ExecuteOnlyCodeCannotBeRead()
    {
        using var program = GuestProgram.Protected(code => { code.mov(al, __byte_ptr.cs[ebx]); code.hlt(); });
        program.Cpu.SetSegment(X86Segment.Cs, GuestProgram.Code32, 0, uint.MaxValue, 0xC099);
        program[X86Register.Rbx] = 0x100;
        program.Run().AssertFault(13, 0);
    }

    [Theory]
    [InlineData(0x105u, 0x80, null)]
    [InlineData(0x104u, 13, 0u)]
    [InlineData(0x101u, 13, 0u)]
    public void InstructionsEndWithinTheCodeSegment(uint limit, int vector, uint? error)
    {
        // mov eax, imm32 at 0x101 to 0x105 is the last thing that may fit; with a wider segment it runs on.
        using var program = GuestProgram.Protected(code => code.jmp((ushort)GuestProgram.Free, 0x100));
        program.SetDescriptor(GuestProgram.Free, GuestProgram.Descriptor((uint)GuestProgram.Data, limit, 0x409B));
        program.Memory.TryWrite(GuestProgram.Data + 0x100, [0x90, 0xB8, 1, 2, 3, 4, 0xCD, 0x80]);
        var outcome = program.Run();
        Assert.Equal(vector == 0x80 ? (13, (uint?)0u, 0x106UL) : (vector, error, 0x101UL), (outcome.Vector ?? -1, outcome.ErrorCode, outcome.Rip));
    }

    [Fact]
    public void ASegmentThatShrinksLeavesNoLongerBlocksBehind()
    {
        using var program = GuestProgram.Protected(code =>
        {
            code.call((ushort)GuestProgram.Free, 0x100);
            code.call((ushort)(GuestProgram.Free + 8), 0x100);
        });
        program.SetDescriptor(GuestProgram.Free, GuestProgram.Descriptor((uint)GuestProgram.Data, 0xFFFF, 0x409B));
        program.SetDescriptor(GuestProgram.Free + 8, GuestProgram.Descriptor((uint)GuestProgram.Data, 0x102, 0x409B));
        program.Memory.TryWrite(GuestProgram.Data + 0x100, [0x90, 0x90, 0x90, 0x90, 0xCB]);
        var outcome = program.Run();
        outcome.AssertFault(13, 0);
        Assert.Equal((0x103UL, (int)GuestProgram.Free + 8), (outcome.Rip, (int)outcome.Cs));
    }

    [Fact]
    public void UnrealModeKeepsItsLimit()
    {
        using var program = GuestProgram.Real(code =>
        {
            code.mov(ebx, 0x200000);
            code.mov(eax, 0);
            code.mov(ds, ax);
            code.db(0x67, 0x66, 0x8B, 0x03);
            code.hlt();
        });
        program.Cpu.SetSegment(X86Segment.Ds, 0x10, 0, uint.MaxValue, 0x8093);
        program.Memory.Write(0x200000, 0x1234ABCDu);
        program.Run().AssertCompleted();
        Assert.Equal(0x1234ABCDUL, program[X86Register.Rax]);
    }

    [Theory]
    [InlineData(new byte[] { 0xC4, 0xE2, 0x68, 0xF2, 0xC1 })]
    [InlineData(new byte[] { 0x0F, 0x00, 0xC0 })]
    [InlineData(new byte[] { 0x0F, 0x02, 0xC1 })]
    public void InstructionsThatRealModeLacks(byte[] bytes)
    {
        using var program = GuestProgram.Real(code => code.db(bytes));
        program.Run().AssertFault(6);
    }

    [Theory]
    [InlineData(0u)]
    [InlineData(3u)]
    public void Virtual8086ModeIsEnteredByIretAndLeftByInterrupts(uint iopl)
    {
        using var program = EnterVirtual8086(iopl, code => { code.mov(ax, ds); code.@int(0x80); });
        var outcome = program.Run();
        if (iopl < 3)
        {
            outcome.AssertFault(13, 0);
        }
        else
        {
            outcome.AssertFault(0x80);
        }

        // mov ax, ds has two bytes; the fault is at INT, a trap behind it.
        Assert.Equal((iopl < 3 ? 2UL : 4UL, 0x3000), (outcome.Rip, outcome.Cs));
        Assert.Equal((0x20000UL, 0x5555UL), (outcome.Flags & 0x20000, program[X86Register.Rax] & 0xFFFF));
        Assert.Equal(0, program.Cpu.GetSegment(X86Segment.Ds).Selector);
        var frame = program[X86Register.Rsp] + (iopl < 3 ? 4UL : 0);
        Assert.Equal((0x4000u, 0x2222u, 0x5555u), (program.Memory.Read<uint>(frame + 16), program.Memory.Read<uint>(frame + 20), program.Memory.Read<uint>(frame + 24)));
    }

    [Theory]
    [InlineData(0x9C)]
    [InlineData(0x9D)]
    [InlineData(0xFA)]
    [InlineData(0xFB)]
    [InlineData(0xCF)]
    public void SensitiveInstructionsFaultInVirtual8086ModeBelowIopl3(byte opcode)
    {
        using var program = EnterVirtual8086(0, code => code.db(opcode));
        program.Run().AssertFault(13, 0);
    }

    [Theory]
    [InlineData(0x60, false, 0x80)]
    [InlineData(0x61, false, 13)]
    [InlineData(0x5F, true, 13)]
    [InlineData(0x7FFF, false, 13)]
    public void TheIoBitmapDecidesAboveIopl(int port, bool word, int vector)
    {
        using var program = GuestProgram.Protected(code =>
        {
            code.mov(edx, port);
            if (word)
            {
                code.@in(eax, dx);
            }
            else
            {
                code.@in(al, dx);
            }

            code.@int(0x80);
        }).AsUser();

        // The map reaches to port 0x7FF; port 0x61 is denied.
        program.Cpu.SetSegment(X86Segment.Tr, GuestProgram.Task, GuestProgram.TssBase, 0x68 + 0x100, 0x8B);
        program.Memory.Write(GuestProgram.TssBase + 0x68 + 12, (byte)2);
        program.Run().AssertFault(vector, vector == 13 ? 0 : null);
    }

    private static GuestProgram EnterVirtual8086(uint iopl, Action<Assembler> code)
    {
        var program = GuestProgram.Protected(c =>
        {
            foreach (var value in (ReadOnlySpan<uint>)[0x7777, 0x6666, 0x5555, 0x2222, 0x4000, 0xFF00, 0x20002 | (iopl << 12), 0x3000, 0])
            {
                c.push(value);
            }

            c.iretd();
        });
        program.Load(code, 0, 0x30000, 16);
        return program;
    }
}
