using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Vivarium.Tests.Smp;

/// <summary>Where a processor begins that a startup interrupt woke: in real mode, from where it goes to flat 32-bit code.</summary>
internal static class ApplicationProcessorStart
{
    /// <param name="c">A 16-bit assembler for a page below 1 MiB.</param>
    /// <param name="gdtr">Where, below 64 KiB, the first processor stored its GDTR, whose table has flat code at 10h.</param>
    /// <param name="target">The code that follows.</param>
    public static void Write(Assembler c, ushort gdtr, uint target)
    {
        c.xor(ax, ax);
        c.mov(ds, ax);
        c.db(0x66, 0x0F, 0x01, 0x16, (byte)gdtr, (byte)(gdtr >> 8)); // lgdt [gdtr]
        c.mov(eax, cr0);
        c.or(al, 1);
        c.mov(cr0, eax);
        c.db(0x66, 0xEA, (byte)target, (byte)(target >> 8), (byte)(target >> 16), (byte)(target >> 24), 0x10, 0x00); // jmp 10h:target
    }
}
