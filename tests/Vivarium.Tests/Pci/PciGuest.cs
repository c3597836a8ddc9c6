using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Vivarium.Tests.Pci;

/// <summary>
/// A guest that does what a driver does: it looks for the doorbell on the bus through ports 0xCF8 and 0xCFC, sizes and places its region, finds
/// MSI-X in the list, and rings: once masked, so that the message waits, and then by unmasking. The handler of the interrupt ends the machine.
/// </summary>
internal static class PciGuest
{
    public const ulong Found = 0x18000;
    public const ulong FoundSize = 0x18004;
    public const ulong PendingWhileMasked = 0x18008;
    public const ulong ReadOverRam = 0x1800C;
    public const uint RamValue = 0x5A5A_1234;
    public const uint Region = 0xE100_0000;
    public const int Exit = 0x21;
    public const int Message = 2;

    private const ulong Image = 0x10_0000;
    private const ulong Handler = 0x10_2000;
    private const uint Idt = 0x16000;
    private const uint Apic = 0xFEE0_0000;
    private const uint Ram = 0x20_0000;
    private const int Vector = 0x41;

    public static VirtualMachineBuilder Builder(ExecutionEngine engine) => new VirtualMachineBuilder().WithMemory(4 << 20).WithEngine(engine)
        .WithBootLoader(new FlatBinaryLoader(Assemble(Image, Drive), Image, FlatStartMode.Protected32));

    /// <summary>Puts the rest of the guest into a machine that was built.</summary>
    public static void Load(VirtualMachine vm)
    {
        vm.Memory.TryWrite(Handler, Assemble(Handler, c =>
        {
            c.mov(al, Exit >> 1);
            c.@out(0xF4, al);
            c.hlt();
        }));
        vm.Memory.Write(Idt + (Vector * 8), (0x8E00UL << 32) | (0x10UL << 16) | (Handler & 0xFFFF) | (Handler >> 16 << 48));
        vm.Memory.Write(Idt - 8, (ushort)0x7FF);
        vm.Memory.Write(Idt - 6, Idt);
    }

    private static void Drive(Assembler c)
    {
        c.mov(esp, 0x80000);
        c.lidt(__[Idt - 8]);
        c.mov(__dword_ptr[Apic + 0xF0], 0x1FF);

        // EBX is the configuration address of each slot in turn.
        c.mov(ebx, 0x8000_0000);
        var next = c.CreateLabel();
        var found = c.CreateLabel();
        c.Label(ref next);
        Read(c, 0);
        c.cmp(eax, unchecked((int)Doorbell.Id));
        c.je(found);
        c.add(ebx, 0x800);
        c.cmp(ebx, 0x8001_0000);
        c.jne(next);
        c.mov(al, 1);
        c.@out(0xF4, al);
        c.Label(ref found);
        c.mov(__dword_ptr[Found], ebx);
        Write(c, 0x10, uint.MaxValue);
        Read(c, 0x10);
        c.neg(eax);
        c.mov(__dword_ptr[FoundSize], eax);

        // Over RAM the region has nothing to say: the guest keeps its memory, and the function hears nothing.
        Write(c, 0x10, Ram);
        Write(c, 0x04, 0x0006);
        c.mov(__dword_ptr[Ram], RamValue);
        c.mov(eax, __dword_ptr[Ram]);
        c.mov(__dword_ptr[ReadOverRam], eax);
        Write(c, 0x10, Region);

        // The list: EBP is where the link to the next capability is.
        Read(c, 0x34);
        var search = c.CreateLabel();
        var isMsiX = c.CreateLabel();
        c.Label(ref search);
        c.movzx(ebp, al);
        c.lea(eax, __[ebx + ebp]);
        c.mov(dx, 0xCF8);
        c.@out(dx, eax);
        c.mov(dx, 0xCFC);
        c.@in(eax, dx);
        c.cmp(al, 0x11);
        c.je(isMsiX);
        c.mov(al, ah);
        c.jmp(search);
        c.Label(ref isMsiX);
        c.or(eax, unchecked((int)0x8000_0000));
        c.@out(dx, eax);

        var entry = Region + 0x1000 + (16 * Message);
        c.mov(__dword_ptr[entry], unchecked((int)Apic));
        c.mov(__dword_ptr[entry + 8], Vector);
        c.sti();
        c.mov(__dword_ptr[Region], Message);
        c.mov(eax, __dword_ptr[Region + 0x1800]);
        c.mov(__dword_ptr[PendingWhileMasked], eax);
        c.mov(__dword_ptr[entry + 12], 0);
        var halt = c.CreateLabel();
        c.Label(ref halt);
        c.hlt();
        c.jmp(halt);
    }

    private static void Read(Assembler c, int register)
    {
        Select(c, register);
        c.@in(eax, dx);
    }

    private static void Write(Assembler c, int register, uint value)
    {
        Select(c, register);
        c.mov(eax, value);
        c.@out(dx, eax);
    }

    private static void Select(Assembler c, int register)
    {
        c.lea(eax, __[ebx + register]);
        c.mov(dx, 0xCF8);
        c.@out(dx, eax);
        c.mov(dx, 0xCFC);
    }

    private static byte[] Assemble(ulong address, Action<Assembler> write)
    {
        var assembler = new Assembler(32);
        write(assembler);
        using var stream = new MemoryStream();
        assembler.Assemble(new StreamCodeWriter(stream), address);
        return stream.ToArray();
    }
}
