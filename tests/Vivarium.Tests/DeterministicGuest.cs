using Iced.Intel;
using Vivarium.Tests.Smp;
using static Iced.Intel.AssemblerRegisters;

namespace Vivarium.Tests;

/// <summary>
/// A guest of two processors that race: each mixes the time-stamp counter, random numbers and a counter that both change into a hash, while the
/// first takes timer interrupts and logs where and when. It ends the machine after some rounds and 20 ticks that it waits for halted.
/// </summary>
internal static class DeterministicGuest
{
    public const ulong Counter = 0x18000;
    public const ulong Hashes = 0x18008;
    public const ulong Log = 0x19000;
    public const int LogBytes = 0x4000;

    private const ulong Image = 0x10_0000;
    private const ulong Trampoline = 0x8000;
    private const ulong Second = 0x10_1000;
    private const ulong Handler = 0x10_2000;
    private const uint Idt = 0x16000;
    private const uint Gdtr = 0xF000;
    private const uint Apic = 0xFEE0_0000;
    private const int Rounds = 30_000;
    private const int TicksAtTheEnd = 20;

    public static VirtualMachineBuilder Builder(ExecutionEngine engine) => new VirtualMachineBuilder().WithMemory(4 << 20).WithCpus(2)
        .WithEngine(engine).WithBootLoader(new FlatBinaryLoader(GuestCode.Assemble(32, Image, First), Image, FlatStartMode.Protected32));

    /// <summary>The same on an engine that somebody else chooses, with all of its code.</summary>
    public static VirtualMachineBuilder LoadedBuilder() => Builder(ExecutionEngine.Auto).WithBootLoader(new Loader());

    /// <summary>Puts the rest of the code into a machine that was built.</summary>
    public static void Load(VirtualMachine vm)
    {
        foreach (var (gpa, bytes) in Parts())
        {
            Assert.True(vm.Memory.TryWrite(gpa, bytes));
        }
    }

    private static IEnumerable<(ulong Gpa, byte[] Bytes)> Parts() =>
    [
        (Trampoline, GuestCode.Assemble(16, 0, Start)),
        (Second, GuestCode.Assemble(32, Second, Race)),
        (Handler, GuestCode.Assemble(32, Handler, Tick)),
        (Idt + (0x40 * 8), BitConverter.GetBytes(0x8E00UL << 32 | 0x10UL << 16 | (Handler & 0xFFFF) | (Handler >> 16 << 48))),
        (Idt - 8, BitConverter.GetBytes((ushort)0x7FF)),
        (Idt - 6, BitConverter.GetBytes(Idt)),
    ];

    private sealed class Loader : IBootLoader
    {
        public CpuStartState? Load(BootContext context)
        {
            foreach (var (gpa, bytes) in Parts())
            {
                context.Write(gpa, bytes, "guest");
            }

            return new FlatBinaryLoader(GuestCode.Assemble(32, Image, First), Image, FlatStartMode.Protected32).Load(context);
        }
    }

    private static void First(Assembler c)
    {
        c.mov(esp, 0x80000);
        c.lidt(__[Idt - 8]);
        c.sgdt(__[Gdtr]);
        c.xor(ebx, ebx);
        c.xor(edi, edi);
        Write(c, 0xF0, 0x1FF);
        Write(c, 0x320, 0x20040);
        Write(c, 0x3E0, 0xB);
        Write(c, 0x380, 7_919);
        Write(c, 0x310, 1 << 24);
        Write(c, 0x300, 0x4500);
        Write(c, 0x300, 0x4600 | (int)(Trampoline >> 12));
        c.sti();
        c.mov(ecx, Rounds);
        var again = c.CreateLabel();
        c.Label(ref again);
        Mix(c);
        c.dec(ecx);
        c.jnz(again);
        c.mov(__dword_ptr[(uint)Hashes], ebx);
        c.lea(esi, __[edi + (TicksAtTheEnd * 8)]);
        var wait = c.CreateLabel();
        c.Label(ref wait);
        c.hlt();
        c.@in(al, 0x40);
        c.cmp(edi, esi);
        c.jb(wait);
        c.mov(al, 20);
        c.@out(0xF4, al);
        c.hlt();
    }

    /// <summary>The second processor's way out of real mode.</summary>
    private static void Start(Assembler c) => ApplicationProcessorStart.Write(c, (ushort)Gdtr, (uint)Second);

    private static void Race(Assembler c)
    {
        c.mov(eax, 0x18);
        c.mov(ds, eax);
        c.mov(es, eax);
        c.mov(ss, eax);
        c.mov(esp, 0x78000);
        c.xor(ebx, ebx);
        var again = c.CreateLabel();
        c.Label(ref again);
        Mix(c);
        c.pause();
        c.mov(__dword_ptr[(uint)Hashes + 4], ebx);
        c.jmp(again);
    }

    private static void Mix(Assembler c)
    {
        c.rdtsc();
        c.rol(ebx, 1);
        c.add(ebx, eax);
        c.rdrand(eax);
        c.add(ebx, eax);
        c.add(ebx, __dword_ptr[(uint)Counter]);
        c.@lock.inc(__dword_ptr[(uint)Counter]);
    }

    private static void Tick(Assembler c)
    {
        c.push(eax);
        c.push(edx);
        c.rdtsc();
        c.mov(__[edi + (uint)Log], eax);
        c.mov(eax, __[esp + 8]);
        c.mov(__[edi + ((uint)Log + 4)], eax);
        c.add(edi, 8);
        c.and(edi, LogBytes - 1);
        Write(c, 0xB0, 0);
        c.pop(edx);
        c.pop(eax);
        c.iretd();
    }

    private static void Write(Assembler c, uint register, int value) => c.mov(__dword_ptr[Apic + register], value);
}
