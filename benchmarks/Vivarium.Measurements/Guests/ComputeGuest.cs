using Iced.Intel;
using Vivarium.Memory;
using static Iced.Intel.AssemblerRegisters;

namespace Vivarium.Measurements;

/// <summary>
/// A computation whose result depends on everything a snapshot must keep: integer, x87 and SSE registers, memory, string instructions under
/// way, and a processor that sleeps in HLT between timer interrupts. The timer decides when it goes on, never what comes out.
/// </summary>
internal static class ComputeGuest
{
    public const string ResultMark = "result ";
    public const ulong MemoryBytes = 32 << 20;

    private const uint Rounds = 60;
    private const uint StackGpa = 0x9_0000;
    private const uint InterruptTableGpa = 0x8_0000;
    private const uint InterruptPointerGpa = 0x8_1000;
    private const uint PhaseGpa = 0x8_2000;
    private const uint ScratchGpa = 0x8_2010;
    private const uint SourceGpa = 0x40_0000;
    private const uint TargetGpa = 0x80_0000;
    private const uint BlockWords = 1 << 20;
    private const byte TimerVector = 0x20;
    private const ushort TimerDivisor = 1193;

    /// <summary>What the guest was doing when the machine stood still.</summary>
    public static string DescribeInstant(GuestMemory memory)
    {
        var phase = (Phase)memory.Read<uint>(PhaseGpa);
        if (phase != Phase.Copy)
        {
            return phase.ToString();
        }

        // Each round's source begins and ends with the round's number: the copy has begun and has not ended if they differ in the target.
        var first = memory.Read<uint>(TargetGpa);
        var last = memory.Read<uint>(TargetGpa + ((BlockWords - 1) * 4));
        return first != last ? "inside REP MOVSD" : "Copy";
    }

    public static byte[] Create() => TinyGuests.Assemble(code =>
    {
        // The call leaves the handler's address on the stack.
        var start = code.CreateLabel();
        code.mov(esp, StackGpa);
        code.call(start);
        EmitTimerHandler(code);
        code.Label(ref start);
        EmitSetup(code);

        var round = code.CreateLabel();
        code.Label(ref round);
        EmitCopy(code);
        EmitMix(code);
        EmitFloatingPoint(code);
        EmitSleep(code);
        code.inc(ebp);
        code.cmp(ebp, Rounds);
        code.jne(round);
        EmitResult(code);
    });

    private static void EmitTimerHandler(Assembler code)
    {
        code.push(eax);
        code.mov(al, 0x20);
        code.@out(0x20, al);
        code.pop(eax);
        code.iretd();
    }

    private static void EmitSetup(Assembler code)
    {
        code.pop(eax);
        code.mov(ebx, eax);
        code.and(ebx, 0xFFFF);
        code.or(ebx, 0x10_0000);
        code.mov(__dword_ptr[InterruptTableGpa + (TimerVector * 8)], ebx);
        code.and(eax, 0xFFFF_0000);
        code.or(eax, 0x8E00);
        code.mov(__dword_ptr[InterruptTableGpa + (TimerVector * 8) + 4], eax);
        code.mov(__dword_ptr[InterruptPointerGpa], 0x7FF);
        code.mov(__dword_ptr[InterruptPointerGpa + 2], InterruptTableGpa);
        code.lidt(__[InterruptPointerGpa]);

        // The 8259 pair: vectors from 0x20, only the timer; the 8254: 1 kHz.
        EmitOut(code, 0x20, 0x11);
        EmitOut(code, 0x21, TimerVector);
        EmitOut(code, 0x21, 4);
        EmitOut(code, 0x21, 1);
        EmitOut(code, 0x21, 0xFE);
        EmitOut(code, 0xA1, 0xFF);
        EmitOut(code, 0x43, 0x34);
        EmitOut(code, 0x40, TimerDivisor & 0xFF);
        EmitOut(code, 0x40, TimerDivisor >> 8);

        code.mov(eax, cr4);
        code.or(eax, 0x600);
        code.mov(cr4, eax);
        code.fninit();
        code.fld1();
        code.mov(esi, 0x2545F491);
        code.movd(xmm0, esi);
        code.pshufd(xmm0, xmm0, 0);
        code.xor(ebp, ebp);
        code.sti();
    }

    private static void EmitOut(Assembler code, byte port, byte value)
    {
        code.mov(al, value);
        code.@out(port, al);
    }

    private static void EmitPhase(Assembler code, Phase phase) => code.mov(__dword_ptr[PhaseGpa], (uint)phase);

    private static void EmitCopy(Assembler code)
    {
        code.mov(__dword_ptr[SourceGpa], ebp);
        code.mov(__dword_ptr[SourceGpa + ((BlockWords - 1) * 4)], ebp);
        EmitPhase(code, Phase.Copy);
        code.push(esi);
        code.mov(esi, SourceGpa);
        code.mov(edi, TargetGpa);
        code.mov(ecx, BlockWords);
        code.cld();
        code.rep.movsd();
        code.pop(esi);
    }

    /// <summary>Folds the copy into ESI and writes it back into the source.</summary>
    private static void EmitMix(Assembler code)
    {
        var loop = code.CreateLabel();
        EmitPhase(code, Phase.Mix);
        code.mov(ecx, BlockWords / 4);
        code.mov(edi, TargetGpa);
        code.Label(ref loop);
        code.mov(eax, __dword_ptr[edi]);
        code.add(eax, esi);
        code.rol(eax, 7);
        code.imul(eax, eax, 0x01000193);
        code.xor(esi, eax);
        code.mov(__dword_ptr[edi - (int)(TargetGpa - SourceGpa)], esi);
        code.add(edi, 16);
        code.dec(ecx);
        code.jnz(loop);
    }

    private static void EmitFloatingPoint(Assembler code)
    {
        var loop = code.CreateLabel();
        EmitPhase(code, Phase.FloatingPoint);
        code.mov(ecx, 5_000);
        code.Label(ref loop);
        code.fld1();
        code.fadd(st1, st0);
        code.faddp(st1, st0);
        code.fsqrt();
        code.movd(xmm1, esi);
        code.pshufd(xmm1, xmm1, 0);
        code.paddd(xmm0, xmm1);
        code.pmuludq(xmm1, xmm0);
        code.pxor(xmm0, xmm1);
        code.dec(ecx);
        code.jnz(loop);
    }

    private static void EmitSleep(Assembler code)
    {
        var loop = code.CreateLabel();
        EmitPhase(code, Phase.Sleep);
        code.mov(ecx, 20);
        code.Label(ref loop);
        code.hlt();
        code.dec(ecx);
        code.jnz(loop);
    }

    private static void EmitResult(Assembler code)
    {
        code.fstp(__qword_ptr[ScratchGpa]);
        code.movdqu(__xmmword_ptr[ScratchGpa + 8], xmm0);
        TinyGuests.EmitPrint(code, ResultMark);
        code.mov(eax, esi);
        TinyGuests.EmitPrintEax(code);
        for (var word = 0; word < 6; word++)
        {
            code.mov(eax, __dword_ptr[ScratchGpa + (word * 4)]);
            TinyGuests.EmitPrintEax(code);
        }

        TinyGuests.EmitPrint(code, "\n");
        TinyGuests.EmitPowerOff(code);
    }

    private enum Phase
    {
        Setup,
        Copy,
        Mix,
        FloatingPoint,
        Sleep,
    }
}
