using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Vivarium.X86.Tests;

/// <summary>
/// One processor writes code and says so, the other waits for that, serializes and executes it (Intel SDM Vol. 3A §9.1.3). The loop that waits lies right
/// before the code that is written, so that it is translated while that happens.
/// </summary>
public sealed class CrossModifyingCodeTests
{
    private const ulong SecondCode = 0x11000;
    private const ulong Flag = GuestProgram.Data;
    private const ulong Acknowledged = GuestProgram.Data + 0x1000;
    private const ulong Slots = 0x200000;
    private const int SlotBytes = 64;
    private const int SlotCount = 0x100000 / SlotBytes;
    private const int Marker = 0x5A000000;

    /// <summary>Each slot is met for the first time, in a page with code in use; then again, where the writer must wait until no other processor runs.</summary>
    [Fact]
    public void WhatWasWrittenBeforeTheFlagIsExecuted()
    {
        const int Rounds = SlotCount + 500;
        var (slot, written) = Slot();
        using var first = GuestProgram.Long(code => Write(code, Rounds, written));
        using var second = first.AddProcessor(code => Execute(code, Rounds), SecondCode);
        for (var i = 0; i < SlotCount; i++)
        {
            Assert.True(first.Memory.TryWrite(Slots + (ulong)(i * SlotBytes), slot));
        }

        var other = new BackgroundRun(second);
        first.Run(long.MaxValue).AssertCompleted();
        Assert.NotNull(other.Wait(60_000));
        Assert.Equal((Rounds, 0UL), ((int)second[X86Register.R12], second[X86Register.R15]));
    }

    /// <summary>Waits until the flag is beyond R12D, serializes, and gives an immediate back. Its bytes, and where the immediate is.</summary>
    private static (byte[] Code, int Immediate) Slot()
    {
        var code = new Assembler(64);
        var wait = code.CreateLabel();
        code.Label(ref wait);
        code.cmp(__dword_ptr[rbp], r12d);
        code.jbe(wait);
        code.xor(eax, eax);
        code.cpuid();
        code.mov(eax, -1);
        code.ret();
        using var stream = new MemoryStream();
        code.Assemble(new StreamCodeWriter(stream), Slots);
        return (stream.ToArray(), (int)stream.Length - 1 - sizeof(int));
    }

    private static void Write(Assembler code, int rounds, int immediate)
    {
        var (wait, delay) = (code.CreateLabel(), code.CreateLabel());
        code.mov(rbp, Flag);
        code.mov(r13, Acknowledged);
        code.xor(r12d, r12d);
        code.mov(r14d, 12345);
        code.Label(ref wait);
        code.cmp(__dword_ptr[r13], r12d);
        code.jne(wait);

        // Delays of all magnitudes: how long the other takes to get there depends on the engine and the host.
        code.imul(r14d, r14d, 1103515245);
        code.add(r14d, 12345);
        code.mov(ecx, r14d);
        code.shr(ecx, 28);
        code.mov(eax, 1);
        code.shl(eax, cl);
        code.mov(ecx, r14d);
        code.shr(ecx, 12);
        code.dec(eax);
        code.and(ecx, eax);
        code.inc(ecx);
        code.Label(ref delay);
        code.dec(ecx);
        code.jnz(delay);
        LoadSlot(code);
        code.inc(r12d);
        code.lea(esi, __[r12 + Marker]);
        code.mov(__dword_ptr[rdi + immediate], esi);
        code.mov(__dword_ptr[rbp], r12d);
        code.cmp(r12d, rounds);
        code.jne(wait);
        code.hlt();
    }

    private static void Execute(Assembler code, int rounds)
    {
        var next = code.CreateLabel();
        code.mov(rbp, Flag);
        code.mov(r13, Acknowledged);
        code.xor(r12d, r12d);
        code.xor(r15d, r15d);
        code.Label(ref next);
        LoadSlot(code);
        code.call(rdi);
        code.inc(r12d);
        code.lea(esi, __[r12 + Marker]);
        code.sub(eax, esi);
        code.or(r15d, eax);
        code.mov(__dword_ptr[r13], r12d);
        code.cmp(r12d, rounds);
        code.jne(next);
        code.hlt();
    }

    /// <summary>The address of the slot of round R12D, to RDI.</summary>
    private static void LoadSlot(Assembler code)
    {
        code.mov(edi, r12d);
        code.and(edi, SlotCount - 1);
        code.imul(edi, edi, SlotBytes);
        code.add(rdi, (int)Slots);
    }
}
