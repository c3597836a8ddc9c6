using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Vivarium.Tests.Smp;

/// <content>The code. In the rounds, EBP is the processor's number, EDI its block, ESI the rounds done.</content>
internal static partial class SmpGuest
{
    private static void First(Assembler c, int cpus)
    {
        c.sgdt(__[Gdtr]);
        WriteApic(c, 0xF0, 0x1FF);
        WriteApic(c, 0x300, 0xC4500);
        WriteApic(c, 0x300, 0xC4600 | (int)(Trampoline >> 12));
        EnterPaging(c);
        Work(c, cpus);
    }

    /// <summary>The other processors' way out of real mode.</summary>
    private static void Start(Assembler c) => ApplicationProcessorStart.Write(c, (ushort)Gdtr, (uint)Secondary);

    private static void FlatThenWork(Assembler c)
    {
        c.mov(eax, 0x18);
        c.mov(ds, eax);
        c.mov(es, eax);
        c.mov(ss, eax);
        WriteApic(c, 0xF0, 0x1FF);
        c.jmp(Image + WorkOffset());
    }

    /// <summary>The first processor's code up to where all go on alike.</summary>
    private static ulong WorkOffset() => (ulong)GuestCode.Assemble(32, Image, c =>
    {
        c.sgdt(__[Gdtr]);
        WriteApic(c, 0xF0, 0x1FF);
        WriteApic(c, 0x300, 0xC4500);
        WriteApic(c, 0x300, 0xC4600 | (int)(Trampoline >> 12));
    }).Length;

    private static void EnterPaging(Assembler c)
    {
        c.lidt(__[Idt - 8]);
        c.mov(eax, cr4);
        c.or(eax, 0x10);
        c.mov(cr4, eax);
        c.mov(eax, PageDirectory);
        c.mov(cr3, eax);
        c.mov(eax, cr0);
        c.or(eax, unchecked((int)0x8000_0000));
        c.mov(cr0, eax);
    }

    private static void Work(Assembler c, int cpus)
    {
        var barrier = c.CreateLabel();
        var round = c.CreateLabel();
        var noShoot = c.CreateLabel();
        var noSplit = c.CreateLabel();
        var rest = c.CreateLabel();
        var wait = c.CreateLabel();
        ReadNumber(c);
        c.mov(eax, ebp);
        c.shl(eax, 12);
        c.lea(esp, __[eax + (Stacks + StackBytes)]);
        c.mov(edi, ebp);
        c.shl(edi, SmpCounters.CpuShift);
        c.add(edi, SmpCounters.Cpus);
        c.mov(eax, __dword_ptr[SmpCounters.Generation]);
        c.mov(__dword_ptr[edi + SmpCounters.Acknowledged], eax);
        c.xor(esi, esi);
        c.sti();
        c.@lock.inc(__dword_ptr[SmpCounters.Online]);
        c.Label(ref barrier);
        c.pause();
        c.cmp(__dword_ptr[SmpCounters.Online], cpus);
        c.jne(barrier);

        c.Label(ref round);
        Contend(c);
        UseRemapped(c);
        SendPing(c, cpus);
        c.test(esi, ShootEvery - 1);
        c.jnz(noShoot);
        ShootDown(c, cpus);
        c.Label(ref noShoot);
        c.test(esi, SplitEvery - 1);
        c.jnz(noSplit);
        c.@lock.inc(__dword_ptr[SmpCounters.Split]);
        c.inc(__dword_ptr[edi + SmpCounters.Splits]);
        c.Label(ref noSplit);
        c.inc(esi);
        c.mov(__dword_ptr[edi + SmpCounters.Done], esi);
        c.cmp(esi, __dword_ptr[SmpCounters.Rounds]);
        c.jb(round);

        c.@lock.inc(__dword_ptr[SmpCounters.Finished]);
        c.test(ebp, ebp);
        c.jz(wait);
        c.Label(ref rest);
        c.hlt();
        c.jmp(rest);
        c.Label(ref wait);
        c.pause();
        c.cmp(__dword_ptr[SmpCounters.Finished], cpus);
        c.jne(wait);
        End(c, SmpFailure.None);
    }

    private static void Contend(Assembler c)
    {
        var pair = c.CreateLabel();
        var spin = c.CreateLabel();
        var taken = c.CreateLabel();
        c.@lock.inc(__dword_ptr[SmpCounters.Increments]);
        c.@lock.inc(__byte_ptr[ebp + SmpCounters.Bytes]);
        c.mov(eax, __dword_ptr[SmpCounters.Pair]);
        c.mov(edx, __dword_ptr[SmpCounters.Pair + 4]);
        c.Label(ref pair);
        c.lea(ebx, __[eax + 1]);
        c.lea(ecx, __[edx + 1]);
        c.@lock.cmpxchg8b(__qword_ptr[SmpCounters.Pair]);
        c.jnz(pair);
        Require(c, SmpFailure.TornPair, () => c.cmp(eax, edx), c.je);

        c.mov(eax, 1);
        c.Label(ref spin);
        c.xchg(__dword_ptr[SmpCounters.SpinLock], eax);
        c.test(eax, eax);
        c.jz(taken);
        c.pause();
        c.jmp(spin);
        c.Label(ref taken);
        c.mov(eax, __dword_ptr[SmpCounters.Guarded]);
        Require(c, SmpFailure.TornGuard, () => c.cmp(eax, __dword_ptr[SmpCounters.OtherGuarded]), c.je);
        c.inc(__dword_ptr[SmpCounters.Guarded]);
        c.inc(eax);
        c.mov(__dword_ptr[SmpCounters.OtherGuarded], eax);
        c.mov(__dword_ptr[SmpCounters.SpinLock], 0);
    }

    private static void UseRemapped(Assembler c)
    {
        c.mov(edx, __dword_ptr[edi + SmpCounters.Acknowledged]);
        Require(c, SmpFailure.StaleRead, () => c.cmp(__dword_ptr[Remapped], edx), c.jae);
        c.@lock.inc(__dword_ptr[Remapped + CounterOffset]);
        c.mov(edx, __dword_ptr[edi + SmpCounters.Acknowledged]);
        c.mov(eax, Remapped + FunctionOffset);
        c.call(eax);
        Require(c, SmpFailure.StaleCode, () => c.cmp(eax, edx), c.jae);
    }

    private static void SendPing(Assembler c, int cpus)
    {
        var isSmall = c.CreateLabel();
        var check = c.CreateLabel();
        var spin = c.CreateLabel();
        var answered = c.CreateLabel();

        // Each of the others in turn.
        c.mov(eax, esi);
        c.xor(edx, edx);
        c.mov(ecx, cpus - 1);
        c.div(ecx);
        c.lea(ecx, __[ebp + edx + 1]);
        c.cmp(ecx, cpus);
        c.jb(isSmall);
        c.sub(ecx, cpus);
        c.Label(ref isSmall);
        c.mov(eax, ebp);
        c.shl(eax, 4);
        c.add(eax, ecx);
        c.mov(__dword_ptr[(eax * 4) + SmpCounters.Boxes], 1);
        c.mov(__dword_ptr[edi + SmpCounters.Awaits], 1);
        c.lea(eax, __[ebp + (0x4000 | PingVector)]);
        c.shl(ecx, 24);
        c.cli();
        c.mov(__dword_ptr[Apic + 0x310], ecx);
        c.mov(__dword_ptr[Apic + 0x300], eax);
        c.sti();
        c.inc(__dword_ptr[edi + SmpCounters.Sent]);
        c.test(esi, 1);
        c.jnz(spin);

        // STI holds interrupts back for one instruction: an answer cannot come between the look and HLT.
        c.Label(ref check);
        c.cli();
        c.cmp(__dword_ptr[edi + SmpCounters.Awaits], 0);
        c.je(answered);
        c.sti();
        c.hlt();
        c.jmp(check);
        c.Label(ref spin);
        c.pause();
        c.cmp(__dword_ptr[edi + SmpCounters.Awaits], 0);
        c.jne(spin);
        c.Label(ref answered);
        c.sti();
    }

    private static void ShootDown(Assembler c, int cpus)
    {
        var spin = c.CreateLabel();
        var taken = c.CreateLabel();
        var wait = c.CreateLabel();
        c.mov(eax, 1);
        c.Label(ref spin);
        c.xchg(__dword_ptr[SmpCounters.ShootLock], eax);
        c.test(eax, eax);
        c.jz(taken);
        c.pause();
        c.jmp(spin);

        // EAX is the next generation, EBX its frame, EDX the frame until now.
        c.Label(ref taken);
        c.mov(eax, __dword_ptr[SmpCounters.Generation]);
        c.inc(eax);
        c.mov(ebx, eax);
        c.and(ebx, 1);
        c.shl(ebx, 12);
        c.mov(edx, ebx);
        c.xor(edx, 0x1000);
        c.add(ebx, Frames);
        c.add(edx, Frames);
        Require(c, SmpFailure.StaleWrite, () => c.cmp(__dword_ptr[ebx + CounterOffset], unchecked((int)Poison)), c.je);
        c.mov(__dword_ptr[ebx + CounterOffset], 0);
        c.mov(__dword_ptr[ebx], eax);
        c.mov(__dword_ptr[ebx + (FunctionOffset + 1)], eax);
        c.lea(ecx, __[ebx + 3]);
        c.mov(__dword_ptr[PageTable], ecx);
        c.mov(__dword_ptr[SmpCounters.Generation], eax);
        c.invlpg(__[Remapped]);
        c.mov(__dword_ptr[edi + SmpCounters.Acknowledged], eax);
        c.mov(__dword_ptr[SmpCounters.AcknowledgementsDue], cpus - 1);
        WriteApic(c, 0x300, 0xC4000 | ShootVector);
        c.add(__dword_ptr[edi + SmpCounters.Sent], cpus - 1);
        c.Label(ref wait);
        c.pause();
        c.cmp(__dword_ptr[SmpCounters.AcknowledgementsDue], 0);
        c.jne(wait);
        c.mov(eax, __dword_ptr[edx + CounterOffset]);
        c.add(__dword_ptr[SmpCounters.Writes], eax);
        c.mov(__dword_ptr[edx + CounterOffset], unchecked((int)Poison));
        c.mov(__dword_ptr[edx], 0);
        c.mov(__dword_ptr[edx + (FunctionOffset + 1)], 0);
        c.inc(__dword_ptr[edi + SmpCounters.Shoots]);
        c.mov(__dword_ptr[SmpCounters.ShootLock], 0);
    }

    /// <summary>An interrupt of the processor whose number is on the stack: it is answered.</summary>
    private static void HandlePing(Assembler c)
    {
        c.pushad();
        c.mov(ecx, __[esp + 32]);
        ReadBlock(c);
        c.mov(edx, ecx);
        c.shl(edx, 4);
        c.add(edx, ebp);
        c.xor(eax, eax);
        c.xchg(__dword_ptr[(edx * 4) + SmpCounters.Boxes], eax);
        Require(c, SmpFailure.PingThatNobodySent, () => c.cmp(eax, 1), c.je);
        c.inc(__dword_ptr[edi + SmpCounters.Handled]);
        WriteApic(c, 0xB0, 0);
        c.shl(ecx, 24);
        c.mov(__dword_ptr[Apic + 0x310], ecx);
        c.lea(eax, __[ebp + (0x4000 | PongVector)]);

        // Counted first: the machine may be at its end right after the answer.
        c.inc(__dword_ptr[edi + SmpCounters.Sent]);
        c.mov(__dword_ptr[Apic + 0x300], eax);
        c.popad();
        c.add(esp, 4);
        c.iretd();
    }

    private static void HandlePong(Assembler c)
    {
        c.pushad();
        ReadBlock(c);
        c.xor(eax, eax);
        c.xchg(__dword_ptr[edi + SmpCounters.Awaits], eax);
        Require(c, SmpFailure.PongThatNobodyAwaits, () => c.cmp(eax, 1), c.je);
        c.inc(__dword_ptr[edi + SmpCounters.Handled]);
        WriteApic(c, 0xB0, 0);
        c.popad();
        c.iretd();
    }

    private static void HandleShoot(Assembler c)
    {
        c.pushad();
        ReadBlock(c);
        c.mov(eax, __dword_ptr[SmpCounters.Generation]);
        c.invlpg(__[Remapped]);
        c.mov(__dword_ptr[edi + SmpCounters.Acknowledged], eax);
        c.inc(__dword_ptr[edi + SmpCounters.Handled]);
        WriteApic(c, 0xB0, 0);
        c.@lock.dec(__dword_ptr[SmpCounters.AcknowledgementsDue]);
        c.popad();
        c.iretd();
    }

    private static void ReadBlock(Assembler c)
    {
        ReadNumber(c);
        c.mov(edi, ebp);
        c.shl(edi, SmpCounters.CpuShift);
        c.add(edi, SmpCounters.Cpus);
    }

    private static void ReadNumber(Assembler c)
    {
        c.mov(ebp, __dword_ptr[Apic + 0x20]);
        c.shr(ebp, 24);
    }

    private static void Require(Assembler c, SmpFailure failure, Action compare, Action<Label> jumpIfGood)
    {
        var good = c.CreateLabel();
        compare();
        jumpIfGood(good);
        End(c, failure);
        c.Label(ref good);
    }

    private static void End(Assembler c, SmpFailure result)
    {
        c.mov(al, (byte)result);
        c.@out(0xF4, al);
        c.cli();
        c.hlt();
    }

    private static void WriteApic(Assembler c, uint register, int value) => c.mov(__dword_ptr[Apic + register], value);
}
