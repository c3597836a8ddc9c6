using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Vivarium.Tests;

/// <summary>A guest that waits for the power button with its processor halted, and then switches off.</summary>
public sealed class PowerButtonTests
{
    private const ulong Image = 0x10_0000;
    private const ulong Handler = 0x10_2000;
    private const uint Idt = 0x16000;
    private const int Vector = 0x59;
    private const int SciIrq = 9;

    public static TheoryData<ExecutionEngine> Engines => EngineTests.Engines;

    [Theory]
    [MemberData(nameof(Engines))]
    public async Task A_guest_hears_the_button_by_interrupt_and_switches_off(ExecutionEngine engine)
    {
        await using var vm = new VirtualMachineBuilder().WithMemory(4 << 20).WithEngine(engine)
            .WithBootLoader(new FlatBinaryLoader(Assemble(Image, Wait), Image, FlatStartMode.Protected32)).Build();
        vm.Memory.TryWrite(Handler, Assemble(Handler, SwitchOff));
        vm.Memory.Write(Idt + (Vector * 8), (0x8E00UL << 32) | (0x10UL << 16) | (Handler & 0xFFFF) | (Handler >> 16 << 48));
        vm.Memory.Write(Idt - 8, (ushort)0x7FF);
        vm.Memory.Write(Idt - 6, Idt);
        await vm.StartAsync();
        var end = vm.WaitForShutdownAsync().WaitAsync(TestMachine.Patience);
        await vm.Console.Output.ReadExactlyAsync(new byte[1]);
        Assert.False(end.IsCompleted);
        vm.PressPowerButton();
        Assert.Equal(ShutdownKind.GuestPowerOff, (await end).Kind);
    }

    private static void Wait(Assembler c)
    {
        c.mov(esp, 0x80000);
        c.lidt(__[Idt - 8]);

        // The local APIC is on, without the 8259 pair's interrupts; pin 9 of the IOAPIC, level-triggered, goes to processor 0.
        c.mov(__dword_ptr[0xFEE0_00F0], 0x1FF);
        c.mov(__dword_ptr[0xFEE0_0350], 0x1_0000);
        c.mov(__dword_ptr[0xFEC0_0000], 0x10 + (2 * SciIrq));
        c.mov(__dword_ptr[0xFEC0_0010], 0x8000 | Vector);

        // PM1 enable: the power button.
        c.mov(dx, 0x602);
        c.mov(ax, 0x100);
        c.@out(dx, ax);
        c.sti();
        c.mov(dx, 0x3F8);
        c.mov(al, (int)'r');
        c.@out(dx, al);
        var again = c.CreateLabel();
        c.Label(ref again);
        c.hlt();
        c.jmp(again);
    }

    private static void SwitchOff(Assembler c)
    {
        var other = c.CreateLabel();
        c.mov(dx, 0x600);
        c.@in(ax, dx);
        c.test(ax, 0x100);
        c.je(other);
        c.mov(dx, 0x604);
        c.mov(ax, (5 << 10) | (1 << 13));
        c.@out(dx, ax);
        c.Label(ref other);
        c.hlt();
    }

    private static byte[] Assemble(ulong gpa, Action<Assembler> write)
    {
        var assembler = new Assembler(32);
        write(assembler);
        using var stream = new MemoryStream();
        assembler.Assemble(new StreamCodeWriter(stream), gpa);
        return stream.ToArray();
    }
}
