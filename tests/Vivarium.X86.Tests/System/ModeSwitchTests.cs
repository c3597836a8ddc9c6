using static Iced.Intel.AssemblerRegisters;

namespace Vivarium.X86.Tests;

/// <summary>From real mode to 64-bit mode and back as boot code does it (Intel SDM Vol. 3A §9.8.5 and §9.9).</summary>
public sealed class ModeSwitchTests
{
    private const ulong Tables = GuestProgram.TablesBase;
    private const ulong LongCode = GuestProgram.CodeBase + 0x400;
    private const ulong CompatibilityCode = GuestProgram.CodeBase + 0x600;

    [Fact]
    public void ProtectedToLongToCompatibilityToProtected()
    {
        using var program = GuestProgram.Protected(code =>
        {
            code.mov(eax, 0x20);
            code.mov(cr4, eax);
            code.mov(eax, (uint)Tables);
            code.mov(cr3, eax);
            code.mov(ecx, 0xC0000080);
            code.rdmsr();
            code.or(eax, 0x100);
            code.wrmsr();
            code.mov(eax, cr0);
            code.or(eax, unchecked((int)0x80000000));
            code.mov(cr0, eax);
            code.rdmsr();
            code.mov(esi, eax);
            code.jmp(GuestProgram.Code64, (uint)LongCode);
        });
        program.Load(code => { code.mov(rbx, 0x1122334455667788); code.push(GuestProgram.Code32); code.push((int)CompatibilityCode); code.db(0x48, 0xCB); }, LongCode, LongCode, 64);
        program.Load(
            code =>
            {
                code.mov(eax, cr0);
                code.and(eax, 0x7FFFFFFF);
                code.mov(cr0, eax);
                code.rdmsr();
                code.mov(edi, eax);
                code.hlt();
            },
            CompatibilityCode,
            CompatibilityCode);
        WriteTables(program);
        program.Run().AssertCompleted();
        Assert.Equal((0x500UL, 0x100UL, 0x1122334455667788UL), (program[X86Register.Rsi], program[X86Register.Rdi], program[X86Register.Rbx]));
    }

    [Theory]
    [InlineData(0UL, 0x8Bu)]
    [InlineData(0x20UL, 0x83u)]
    public void LongModeNeedsPaeAndA32BitTask(ulong cr4, uint taskAttributes)
    {
        using var program = GuestProgram.Protected(code => { code.mov(eax, cr0); code.or(eax, unchecked((int)0x80000000)); code.mov(cr0, eax); });
        WriteTables(program);
        program[X86Register.Cr3] = Tables;
        program[X86Register.Cr4] = cr4;
        program[X86Register.Efer] = 0x100;
        program.Cpu.SetSegment(X86Segment.Tr, GuestProgram.Task, GuestProgram.TssBase, 0x2067, taskAttributes);
        program.Run().AssertFault(13, 0);
        Assert.Equal(0x100UL, program[X86Register.Efer]);
    }

    [Fact]
    public void RealToProtectedAndBackKeepsSegmentCaches()
    {
        using var program = GuestProgram.Real(code =>
        {
            code.mov(eax, cr0);
            code.or(al, 1);
            code.mov(cr0, eax);
            code.mov(bx, GuestProgram.DataSegment);
            code.mov(ds, bx);
            code.and(al, 0xFE);
            code.mov(cr0, eax);
            code.mov(ebx, 0x300000);

            // mov dword [ebx], imm32 beyond 64 KiB: the limit loaded in protected mode still holds.
            code.db(0x67, 0x66, 0xC7, 0x03, 0x78, 0x56, 0x34, 0x12);
            code.hlt();
        });
        program[X86Register.GdtBase] = GuestProgram.GdtBase;
        program[X86Register.GdtLimit] = 0xFF;
        program.SetDescriptor(GuestProgram.DataSegment, GuestProgram.Descriptor(0, 0xFFFFF, 0xC093));
        program.Run().AssertCompleted();
        Assert.Equal(0x12345678u, program.Memory.Read<uint>(0x300000));
    }

    [Fact]
    public void LmswSetsPeButCannotClearIt()
    {
        using var program = GuestProgram.Protected(code => { code.xor(eax, eax); code.lmsw(ax); code.smsw(ebx); code.hlt(); });
        program.Run().AssertCompleted();
        Assert.Equal(1UL, program[X86Register.Rbx] & 0xF);
    }

    private static void WriteTables(GuestProgram program)
    {
        program.Memory.Write(Tables, Tables + 0x1003);
        program.Memory.Write(Tables + 0x1000, Tables + 0x2003);
        program.Memory.Write(Tables + 0x2000, 0x83UL);
        program.Memory.Write(Tables + 0x2008, 0x200083UL);
    }
}
