using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Vivarium.X86.Tests;

/// <summary>Strings and bit tests that emitted code executes itself, at the ends of what it may reach.</summary>
public sealed class StringFormTests
{
    private const ulong Destination = GuestProgram.Data + 0x10000;

    /// <summary>Up to the page's last byte, and across its end: run twice, so that the pages are in the TLB.</summary>
    [Theory]
    [InlineData(0x1000, 0)]
    [InlineData(16, 0xFF0)]
    [InlineData(17, 0xFF0)]
    [InlineData(0x1001, 0)]
    [InlineData(1, 0xFFF)]
    [InlineData(0, 0xFFF)]
    public void RepeatedMovesEndWhereTheyShould(int count, int offset)
    {
        using var program = GuestProgram.Long(code =>
        {
            code.mov(ebp, 2);
            var again = code.CreateLabel();
            code.Label(ref again);
            code.mov(rsi, GuestProgram.Data);
            code.mov(rdi, Destination + (ulong)offset);
            code.mov(ecx, count);
            code.rep.movsb();
            code.dec(ebp);
            code.jnz(again);
            code.hlt();
        });
        var bytes = new byte[count];
        new Random(count).NextBytes(bytes);
        Assert.True(program.Memory.TryWrite(GuestProgram.Data, bytes));
        program.Run().AssertCompleted();
        var copied = new byte[count + 1];
        Assert.True(program.Memory.TryRead(Destination + (ulong)offset, copied));
        Assert.Equal([.. bytes, 0], copied);
        Assert.Equal(
            (0UL, GuestProgram.Data + (ulong)count, Destination + (ulong)offset + (ulong)count),
            (program[X86Register.Rcx], program[X86Register.Rsi], program[X86Register.Rdi]));
    }

    /// <summary>Two linear pages of one frame: what is stored early is loaded again later.</summary>
    [Fact]
    public void AMoveOntoAnAliasSpreads()
    {
        using var program = GuestProgram.Long(code =>
        {
            code.mov(ebp, 2);
            var again = code.CreateLabel();
            code.Label(ref again);
            code.mov(rsi, GuestProgram.Data);
            code.mov(rdi, Destination + 1);
            code.mov(ecx, 64);
            code.rep.movsb();
            code.dec(ebp);
            code.jnz(again);
            code.hlt();
        });
        program.Memory.Write(GuestProgram.EntryOf(Destination), GuestProgram.Data | 7);
        program.Memory.Write(GuestProgram.Data, (byte)0x5A);
        program.Run().AssertCompleted();
        var spread = new byte[66];
        Assert.True(program.Memory.TryRead(GuestProgram.Data, spread));
        Assert.Equal([.. Enumerable.Repeat((byte)0x5A, 65), 0], spread);
    }

    /// <summary>REP STOSB over what follows it.</summary>
    [Fact]
    public void AStoreOverTheCodeBehindItIsExecuted()
    {
        using var program = GuestProgram.Long(code =>
        {
            var (again, next) = (code.CreateLabel(), code.CreateLabel());
            code.mov(ebp, 2);
            code.Label(ref again);
            code.lea(rdi, __[next]);
            code.mov(ecx, 3);
            code.mov(al, 0x90);
            code.rep.stosb();
            code.Label(ref next);
            code.inc(ebx);
            code.nop();
            code.dec(ebp);
            code.jnz(again);
            code.hlt();
        });
        program[X86Register.Rbx] = 0;
        program.Run().AssertCompleted();
        Assert.Equal(0UL, program[X86Register.Rbx]);
    }

    /// <summary>Bits before and behind the operand, and on the other side of a page's end.</summary>
    [Theory]
    [InlineData(-1)]
    [InlineData(-64)]
    [InlineData(-65)]
    [InlineData(63)]
    [InlineData(64)]
    [InlineData(-0x8000)]
    [InlineData(0x7FFF)]
    public void BitsAreWhereTheirNumberSays(int number)
    {
        using var program = GuestProgram.Long(code =>
        {
            code.mov(ebp, 3);
            var again = code.CreateLabel();
            code.Label(ref again);
            code.@lock.bts(__qword_ptr[rsi], rbx);
            code.sbb(rax, rax);
            code.btr(__qword_ptr[rsi], rbx);
            code.sbb(rcx, rcx);
            code.bt(__qword_ptr[rsi], rbx);
            code.sbb(rdx, rdx);
            code.btc(__qword_ptr[rsi], rbx);
            code.dec(ebp);
            code.jnz(again);
            code.hlt();
        });
        program[X86Register.Rsi] = Destination;
        program[X86Register.Rbx] = (ulong)number;
        program.Run().AssertCompleted();
        Assert.Equal((ulong.MaxValue, ulong.MaxValue, 0UL), (program[X86Register.Rax], program[X86Register.Rcx], program[X86Register.Rdx]));
        Assert.Equal(1UL << (number & 63), program.Memory.Read<ulong>(Destination + (ulong)((number >> 6) * 8)));
    }
}
