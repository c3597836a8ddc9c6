using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Vivarium.X86.Tests;

/// <summary>Where code may be and what may happen to its pages: aliases, remapping, page tables beside it, ROM, the end of memory.</summary>
public sealed class CodePageTests
{
    private const ulong Routine = GuestProgram.Data;
    private const ulong First = GuestProgram.Data + 0x10000;
    private const ulong Second = GuestProgram.Data + 0x20000;
    private const ulong Last = GuestProgram.MemoryBytes - 0x1000;

    [Fact]
    public void AStoreThroughAnotherLinearAddressIsSeen()
    {
        using var program = GuestProgram.Long(code =>
        {
            CallRoutine(code);
            code.mov(esi, eax);
            code.mov(rdx, First + 1);
            code.mov(__dword_ptr[rdx], 0x222);
            CallRoutine(code);
            code.hlt();
        });
        program.Load(code => { code.mov(eax, 0x111); code.ret(); }, Routine, Routine);
        program.Memory.Write(GuestProgram.EntryOf(First), Routine | 7);
        program.Run().AssertCompleted();
        Assert.Equal((0x111UL, 0x222UL), (program[X86Register.Rsi], program[X86Register.Rax]));
    }

    [Fact]
    public void TheSameCodeAtTwoAddressesKnowsWhereItIs()
    {
        using var program = GuestProgram.Long(code =>
        {
            var again = code.CreateLabel();
            code.mov(ecx, 100);
            code.Label(ref again);
            code.mov(rbx, First);
            code.call(rbx);
            code.mov(rsi, rax);
            code.mov(r8, rdx);
            code.mov(rbx, Second);
            code.call(rbx);
            code.dec(ecx);
            code.jnz(again);
            code.hlt();
        });

        // The routine gives an address relative to itself and the return address of a call of its own.
        void Code(Assembler code)
        {
            var inner = code.CreateLabel();
            var data = code.CreateLabel();
            code.lea(rax, __[data]);
            code.call(inner);
            code.Label(ref data);
            code.ret();
            code.Label(ref inner);
            code.mov(rdx, __[rsp]);
            code.ret();
        }

        program.Load(Code, First, Routine);
        program.Memory.Write(GuestProgram.EntryOf(First), Routine | 7);
        program.Memory.Write(GuestProgram.EntryOf(Second), Routine | 7);
        program.Run().AssertCompleted();
        Assert.Equal(First, program[X86Register.Rsi] & ~0xFFFUL);
        Assert.Equal(program[X86Register.Rsi], program[X86Register.R8]);
        Assert.Equal(program[X86Register.Rsi] + (Second - First), program[X86Register.Rax]);
        Assert.Equal(program[X86Register.Rax], program[X86Register.Rdx]);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void RemappedCodeIsTheNewCode(bool byInvlpg)
    {
        using var program = GuestProgram.Long(code =>
        {
            CallRoutine(code);
            code.mov(esi, eax);
            Remap(code, Routine, First, byInvlpg);
            CallRoutine(code);
            code.mov(edi, eax);
            Remap(code, Routine, Routine, byInvlpg);
            CallRoutine(code);
            code.hlt();
        });
        program.Load(code => { code.mov(eax, 0x111); code.ret(); }, Routine, Routine);
        program.Load(code => { code.mov(eax, 0x222); code.nop(); code.ret(); }, Routine, First);
        program.Run().AssertCompleted();
        Assert.Equal((0x111UL, 0x222UL, 0x111UL), (program[X86Register.Rsi], program[X86Register.Rdi], program[X86Register.Rax]));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    public void AnInstructionAcrossPagesFollowsItsSecondPage(int bytesInFirst)
    {
        var start = Routine + 0x1000 - (ulong)bytesInFirst;
        using var program = GuestProgram.Long(code =>
        {
            code.mov(rbx, start);
            code.call(rbx);
            code.mov(esi, eax);
            Remap(code, Routine + 0x1000, Second, byInvlpg: true);
            code.mov(rbx, start);
            code.call(rbx);
            code.mov(edi, eax);
            code.mov(rdx, Second);
            code.mov(__byte_ptr[rdx + (4 - bytesInFirst)], 0x55);
            code.call(rbx);
            code.hlt();
        });
        program.Load(code => { code.mov(eax, 0x11223344); code.ret(); }, start, start);
        var bytes = new byte[16];
        program.Memory.TryRead(Routine + 0x1000, bytes);
        bytes[4 - bytesInFirst] = 0x77;
        program.Memory.TryWrite(Second, bytes);
        program.Run().AssertCompleted();
        Assert.Equal((0x11223344UL, 0x77223344UL, 0x55223344UL), (program[X86Register.Rsi], program[X86Register.Rdi], program[X86Register.Rax]));
    }

    [Fact]
    public void ARoutineMayRewriteWhatItReturnsTo()
    {
        using var program = GuestProgram.Long(code =>
        {
            var again = code.CreateLabel();
            code.mov(ecx, 200);
            code.xor(esi, esi);
            code.Label(ref again);
            code.mov(rbx, Routine);
            code.call(rbx);
            code.add(esi, 0x55);
            code.dec(ecx);
            code.jnz(again);
            code.hlt();
        });

        // ADD ESI, imm8 is 83 C6 ib, where the call returns to.
        program.Load(code => { code.mov(rdx, __[rsp]); code.mov(__byte_ptr[rdx + 2], cl); code.and(__byte_ptr[rdx + 2], 0x7F); code.ret(); }, Routine, Routine);
        program.Run().AssertCompleted();
        Assert.Equal((ulong)Enumerable.Range(1, 200).Sum(i => i & 0x7F), program[X86Register.Rsi]);
    }

    [Fact]
    public void ARoutineMayRemapWhatItReturnsTo()
    {
        // The caller's page becomes another with the same call and something else behind it.
        using var program = GuestProgram.Long(code => { code.mov(rax, First); code.jmp(rax); });
        void Caller(Assembler code, int value)
        {
            code.mov(rbx, Routine);
            code.call(rbx);
            code.mov(eax, value);
            code.hlt();
        }

        program.Load(code => Caller(code, 1), First, First);
        program.Load(code => Caller(code, 2), First, Second);
        program.Load(code => { Remap(code, First, Second, byInvlpg: true); code.ret(); }, Routine, Routine);
        program.Run().AssertCompleted();
        Assert.Equal(2UL, program[X86Register.Rax]);
    }

    [Theory]
    [InlineData(3)]
    [InlineData(600)]
    [InlineData(3000)]
    public void CallsNestAsDeepAsTheStackIs(int depth)
    {
        using var program = GuestProgram.Long(code =>
        {
            var recurse = code.CreateLabel();
            var end = code.CreateLabel();
            code.mov(ecx, depth);
            code.xor(eax, eax);
            code.call(recurse);
            code.hlt();
            code.Label(ref recurse);
            code.dec(ecx);
            code.jz(end);
            code.call(recurse);
            code.inc(eax);
            code.Label(ref end);
            code.ret();
        });
        program.Run().AssertCompleted();
        Assert.Equal(((ulong)depth - 1, GuestProgram.StackTop), (program[X86Register.Rax], program[X86Register.Rsp]));
    }

    [Fact]
    public void ReturnsNeedNotMatchCalls()
    {
        // A return address is replaced, dropped, and taken from another stack.
        using var program = GuestProgram.Long(code =>
        {
            var (replaced, elsewhere, dropped, back, other, there) =
                (code.CreateLabel(), code.CreateLabel(), code.CreateLabel(), code.CreateLabel(), code.CreateLabel(), code.CreateLabel());
            code.call(replaced);
            code.mov(eax, 0xBAD);
            code.hlt();
            code.Label(ref replaced);
            code.lea(rdx, __[elsewhere]);
            code.mov(__[rsp], rdx);
            code.ret();
            code.Label(ref elsewhere);
            code.call(dropped);
            code.mov(eax, 0xBAD);
            code.hlt();
            code.Label(ref dropped);
            code.add(rsp, 8);
            code.call(other);
            code.Label(ref back);
            code.mov(eax, 0x600D);
            code.hlt();
            code.Label(ref other);
            code.pop(rdx);
            code.mov(rsp, Second);
            code.push(rdx);
            code.lea(rcx, __[there]);
            code.push(rcx);
            code.ret();
            code.Label(ref there);
            code.ret();
        });
        program.Run().AssertCompleted();
        Assert.Equal((0x600DUL, Second), (program[X86Register.Rax], program[X86Register.Rsp]));
    }

    [Fact]
    public void CodeMayShareItsPageWithPageTables()
    {
        // The page directory: entry 2 maps the next 2 MiB, written by code behind it in the same page.
        const ulong directory = GuestProgram.TablesBase + 0x2000;
        using var program = GuestProgram.Long(code => { code.mov(rax, directory + 0x800); code.jmp(rax); });
        program.Load(
            code =>
            {
                code.mov(rdx, directory);
                code.mov(rbx, 0x400000 + GuestProgram.Data);
                code.mov(ecx, 50);
                var again = code.CreateLabel();
                code.Label(ref again);
                code.mov(__qword_ptr[rdx + 16], 0x87);
                code.mov(eax, __[rbx]);
                code.mov(__qword_ptr[rdx + 16], 0);
                code.invlpg(__byte_ptr[rbx]);
                code.dec(ecx);
                code.jnz(again);
                code.mov(eax, __[rbx]);
                code.hlt();
            },
            directory + 0x800,
            directory + 0x800);
        program.Memory.Write(GuestProgram.Data, 0x1234);
        program.Run().AssertFault(14, 0);
        Assert.Equal((0x1234UL, 0x400000 + GuestProgram.Data), (program[X86Register.Rax], program[X86Register.Cr2]));
    }

    [Fact]
    public void CodeMayEndWithMemory()
    {
        using var program = GuestProgram.Long(code => { code.mov(rax, Last + 0xFFA); code.jmp(rax); });
        program.Load(code => { code.mov(eax, 0x42); code.hlt(); }, Last + 0xFFA, Last + 0xFFA);
        program.Run().AssertCompleted();
        Assert.Equal(0x42UL, program[X86Register.Rax]);
    }

    [Fact]
    public void AFetchBehindTheLastPageFaultsThere()
    {
        using var program = GuestProgram.Long(code => { code.xor(ecx, ecx); code.mov(rax, Last + 0xFF8); code.jmp(rax); });
        program.Memory.TryWrite(Last + 0xFF8, [0xFF, 0xC1, 0xFF, 0xC1, 0xFF, 0xC1, 0xB8, 0x01]);
        var outcome = program.Run();
        outcome.AssertFault(14, 0x10);
        Assert.Equal((Last + 0xFFE, GuestProgram.MemoryBytes, 3UL), (outcome.Rip, program[X86Register.Cr2], program[X86Register.Rcx]));
    }

    [Fact]
    public void CodeOutsideMemoryIsAllOnes()
    {
        // FF FF is no instruction.
        using var program = GuestProgram.Long(code => { code.mov(rax, First); code.jmp(rax); });
        program.Memory.Write(GuestProgram.EntryOf(First), 0x8000_0000UL | 7);
        program.Run().AssertFault(6);
    }

    [Fact]
    public void CodeInRomRunsAndStaysAsItIs()
    {
        using var program = GuestProgram.Long(code => { code.mov(rbx, First); code.call(rbx); code.call(rbx); code.hlt(); });
        var rom = new byte[0x1000];
        byte[] routine = [0xC6, 0x43, 0x05, 0x77, 0xB0, 0x11, 0x00, 0xC4, 0xC3];
        routine.CopyTo(rom, 0);
        program.Memory.AddRom(0x1000_0000, rom);
        program.Memory.Write(GuestProgram.EntryOf(First), 0x1000_0000UL | 7);
        program.Run().AssertCompleted();
        Assert.Equal((0x11UL, 0x22UL), (program[X86Register.Rax] & 0xFF, program[X86Register.Rax] >> 8 & 0xFF));
    }

    [Fact]
    public void DataBetweenInstructionsMayBeWrittenAllTheTime()
    {
        using var program = GuestProgram.Long(code =>
        {
            var (again, over, counter) = (code.CreateLabel(), code.CreateLabel(), code.CreateLabel());
            code.mov(ecx, 3000);
            code.lea(rbx, __[counter]);
            code.Label(ref again);
            code.inc(__dword_ptr[rbx]);
            code.jmp(over);
            code.Label(ref counter);
            code.dd(0);
            code.Label(ref over);
            code.dec(ecx);
            code.jnz(again);
            code.mov(eax, __[rbx]);
            code.hlt();
        });
        program.Run().AssertCompleted();
        Assert.Equal(3000UL, program[X86Register.Rax]);
    }

    private static void CallRoutine(Assembler code)
    {
        code.mov(rbx, Routine);
        code.call(rbx);
    }

    /// <summary>Points the entry of a page to another frame and flushes it. Uses RAX.</summary>
    private static void Remap(Assembler code, ulong linear, ulong gpa, bool byInvlpg)
    {
        code.push(rbx);
        code.mov(rbx, GuestProgram.EntryOf(linear));
        code.mov(rax, gpa | 7);
        code.mov(__[rbx], rax);
        code.pop(rbx);
        if (byInvlpg)
        {
            code.mov(rax, linear);
            code.invlpg(__byte_ptr[rax]);
        }
        else
        {
            code.mov(rax, cr3);
            code.mov(cr3, rax);
        }
    }
}
