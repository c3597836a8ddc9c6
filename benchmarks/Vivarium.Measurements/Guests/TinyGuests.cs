using System.Text;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Vivarium.Measurements;

/// <summary>Guests of a few instructions, assembled here. All start in flat 32-bit protected mode at <see cref="Gpa"/>.</summary>
internal static class TinyGuests
{
    public const uint Gpa = 0x10_0000;
    private const ushort SerialPort = 0x3F8;
    private const ushort PowerControlPort = 0x604;
    private const ushort SoftOff = (5 << 10) | (1 << 13);

    /// <summary>Prints a text and powers off.</summary>
    public static byte[] Print(string text) => Assemble(code =>
    {
        EmitPrint(code, text);
        EmitPowerOff(code);
    });

    /// <summary>Counts for ever.</summary>
    public static byte[] Busy() => Assemble(code =>
    {
        var loop = code.CreateLabel();
        code.Label(ref loop);
        code.add(eax, 1);
        code.xor(ebx, eax);
        code.jmp(loop);
    });

    /// <summary>Writes a word to each page from <paramref name="startGpa"/> on, prints "touched" and sleeps.</summary>
    public static byte[] Touch(uint startGpa, uint sizeBytes) => Assemble(code =>
    {
        var loop = code.CreateLabel();
        var sleep = code.CreateLabel();
        code.mov(edi, startGpa);
        code.mov(ecx, sizeBytes / 4096);
        code.Label(ref loop);
        code.mov(__dword_ptr[edi], edi);
        code.add(edi, 4096);
        code.dec(ecx);
        code.jnz(loop);
        EmitPrint(code, "touched\n");
        code.Label(ref sleep);
        code.hlt();
        code.jmp(sleep);
    });

    /// <summary>Does nothing but HLT: its first instruction is all that is of interest.</summary>
    public static byte[] Sleep() => Assemble(code =>
    {
        var sleep = code.CreateLabel();
        code.Label(ref sleep);
        code.hlt();
        code.jmp(sleep);
    });

    public static byte[] Assemble(Action<Assembler> emit)
    {
        var code = new Assembler(32);
        emit(code);
        using var stream = new MemoryStream();
        code.Assemble(new StreamCodeWriter(stream), Gpa);
        return stream.ToArray();
    }

    public static void EmitPrint(Assembler code, string text)
    {
        code.mov(edx, (uint)SerialPort);
        foreach (var character in Encoding.ASCII.GetBytes(text))
        {
            code.mov(al, character);
            code.@out(dx, al);
        }
    }

    /// <summary>Prints EAX in hexadecimal.</summary>
    public static void EmitPrintEax(Assembler code)
    {
        var digit = code.CreateLabel();
        var print = code.CreateLabel();
        code.mov(ebx, eax);
        code.mov(ecx, 8);
        code.mov(edx, (uint)SerialPort);
        code.Label(ref digit);
        code.rol(ebx, 4);
        code.mov(eax, ebx);
        code.and(eax, 15);
        code.add(eax, '0');
        code.cmp(eax, '9');
        code.jbe(print);
        code.add(eax, 'a' - '9' - 1);
        code.Label(ref print);
        code.@out(dx, al);
        code.dec(ecx);
        code.jnz(digit);
    }

    public static void EmitPowerOff(Assembler code)
    {
        var sleep = code.CreateLabel();
        code.mov(eax, (uint)SoftOff);
        code.mov(edx, (uint)PowerControlPort);
        code.@out(dx, ax);
        code.Label(ref sleep);
        code.hlt();
        code.jmp(sleep);
    }
}
