using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Vivarium.X86.Tests;

/// <summary>Repeated string instructions: order, overlap, faults in the middle, address sizes, counting (Intel SDM Vol. 2B, REP).</summary>
public sealed class StringTests
{
    private const ulong Source = GuestProgram.Data;
    private const ulong Destination = GuestProgram.Data + 0x10000;

    [Theory]
    [InlineData(1, false)]
    [InlineData(8, false)]
    [InlineData(1, true)]
    [InlineData(8, true)]
    public void AFaultInTheMiddleLeavesExactRegisters(int sizeBytes, bool down)
    {
        using var program = GuestProgram.Long(code =>
        {
            if (down)
            {
                code.std();
            }

            if (sizeBytes == 1)
            {
                code.rep.movsb();
            }
            else
            {
                code.rep.movsq();
            }

            code.hlt();
        });
        var step = (ulong)(down ? -sizeBytes : sizeBytes);
        var rip = GuestProgram.CodeBase + (down ? 1UL : 0);

        // Twenty elements before the page that is missing.
        var start = down ? Destination + (19 * (ulong)sizeBytes) : Destination + 0x1000 - (20 * (ulong)sizeBytes);
        var missing = down ? Destination - 0x1000 : Destination + 0x1000;
        program.Memory.Write(GuestProgram.EntryOf(missing), 0UL);
        program[X86Register.Rsi] = Source + 0x800;
        program[X86Register.Rdi] = start;
        program[X86Register.Rcx] = 50;
        var outcome = program.Run();
        outcome.AssertFault(14, 2);
        Assert.Equal(
            (rip, 30UL, Source + 0x800 + (20 * step), start + (20 * step)),
            (outcome.Rip, program[X86Register.Rcx], program[X86Register.Rsi], program[X86Register.Rdi]));
        Assert.Equal(down ? missing + 0x1000 - (ulong)sizeBytes : missing, program[X86Register.Cr2]);

        program.Memory.Write(GuestProgram.EntryOf(missing), missing | 7);
        program[X86Register.Rip] = outcome.Rip;
        program.Run().AssertCompleted();
        Assert.Equal((0UL, start + (50 * step)), (program[X86Register.Rcx], program[X86Register.Rdi]));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(-1)]
    [InlineData(3)]
    [InlineData(-3)]
    [InlineData(64)]
    public void OverlappingCopiesGoElementByElement(int distance)
    {
        using var program = GuestProgram.Long(code => { code.rep.movsb(); code.hlt(); });
        var bytes = new byte[512];
        new Random(1).NextBytes(bytes);
        program.Memory.TryWrite(Source, bytes);
        program[X86Register.Rsi] = Source + 100;
        program[X86Register.Rdi] = Source + 100 + (ulong)distance;
        program[X86Register.Rcx] = 300;
        program.Run().AssertCompleted();
        for (var i = 0; i < 300; i++)
        {
            bytes[100 + distance + i] = bytes[100 + i];
        }

        var actual = new byte[512];
        program.Memory.TryRead(Source, actual);
        Assert.Equal(bytes, actual);
    }

    [Fact]
    public void A32BitAddressSizeWrapsAndClearsTheUpperHalves()
    {
        using var program = GuestProgram.Long(code => { code.db(0x67, 0xF3, 0xAA); code.hlt(); });
        program[X86Register.Rdi] = 0xFFFFFFFF_00000000 | Destination;
        program[X86Register.Rcx] = 0xFFFFFFFF_00000004;
        program.Run().AssertCompleted();
        Assert.Equal((0UL, Destination + 4), (program[X86Register.Rcx], program[X86Register.Rdi]));
    }

    [Fact]
    public void A16BitAddressWraps()
    {
        using var program = GuestProgram.Real(code => { code.rep.stosb(); code.hlt(); });
        program.Cpu.SetSegment(X86Segment.Es, 0x8000, 0x80000, 0xFFFF, 0x93);
        program[X86Register.Rdi] = 0x1234FFFE;
        program[X86Register.Rcx] = 4;
        program[X86Register.Rax] = 0x5A;
        program.Run().AssertCompleted();
        Assert.Equal((0x12340002UL, 0x5A5Au, 0x5A5Au), (program[X86Register.Rdi], program.Memory.Read<ushort>(0x8FFFE), program.Memory.Read<ushort>(0x80000)));
    }

    [Fact]
    public void AnOverrideMovesTheSourceOnly()
    {
        using var program = GuestProgram.Long(code =>
        {
            code.mov(ecx, 0xC0000100);
            code.mov(eax, (uint)Source);
            code.xor(edx, edx);
            code.wrmsr();
            code.mov(esi, 0x10);
            code.mov(rdi, Destination);
            code.mov(ecx, 3);
            code.db(0x64, 0xF3, 0xA4);
            code.db(0x64);
            code.lodsb();
            code.hlt();
        });
        program.Memory.TryWrite(Source + 0x10, [1, 2, 3, 4]);
        program.Run().AssertCompleted();
        Assert.Equal((0x030201u, 4UL), (program.Memory.Read<uint>(Destination), program[X86Register.Rax] & 0xFF));
    }

    [Theory]
    [InlineData(0UL, 0UL)]
    [InlineData(5UL, 2UL)]
    public void ScansStopByTheFlagAndACountOfZeroDoesNothing(ulong count, ulong left)
    {
        using var program = GuestProgram.Long(code => { code.repne.scasb(); code.hlt(); });
        program.Memory.TryWrite(Source, [9, 9, 7, 9]);
        program[X86Register.Rdi] = Source;
        program[X86Register.Rcx] = count;
        program[X86Register.Rax] = 7;
        program[X86Register.Rflags] = 2 | 1;
        program.Run().AssertCompleted();
        Assert.Equal((left, Source + (count == 0 ? 0 : 3UL)), (program[X86Register.Rcx], program[X86Register.Rdi]));
        Assert.Equal(count == 0 ? 1UL : 0x44UL, program[X86Register.Rflags] & 0x8D5);
    }

    [Fact]
    public void ARepeatCountsOneInstruction()
    {
        using var program = GuestProgram.Long(code => { code.rep.stosb(); code.nop(); code.hlt(); });
        program[X86Register.Rdi] = Destination;
        program[X86Register.Rcx] = 100_000;
        Assert.Equal(new VcpuExit(VcpuExitReason.Halted, 3), program.Cpu.Run(100_000));
    }

    [Fact]
    public void AFaultedInstructionDoesNotCount()
    {
        using var program = GuestProgram.Long(code => { code.nop(); code.nop(); code.ud2(); });
        Assert.Equal(new VcpuExit(VcpuExitReason.Halted, 3), program.Cpu.Run(100));
    }

    [Fact]
    public void TheBudgetIsOvershotByLessThanABlock()
    {
        using var program = GuestProgram.Long(code =>
        {
            var again = code.CreateLabel();
            code.Label(ref again);
            for (var i = 0; i < 10; i++)
            {
                code.inc(eax);
            }

            code.jmp(again);
        });
        for (var budget = 1; budget < 60; budget += 7)
        {
            var exit = program.Cpu.Run(budget);
            Assert.Equal(VcpuExitReason.Budget, exit.Reason);
            Assert.InRange(exit.Instructions, budget, budget + BlockDecoder.MaxInstructions - 1);
        }
    }
}
