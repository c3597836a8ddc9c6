using Vivarium.Memory;

namespace Vivarium.X86.Tests;

/// <summary>Descriptor tables, handlers that halt, and the registers of each mode.</summary>
internal static class LabKernel
{
    /// <summary>Ways back from SYSCALL that a case chooses among.</summary>
    public const int SystemCalls = 4;

    /// <summary>Selectors for SYSCALL and SYSRET.</summary>
    public const ulong Star = ((ulong)(GuestProgram.UserCode64 - 16) << 48) | ((ulong)GuestProgram.Code64 << 32);

    private const int DoubleFault = 8;

    /// <summary>In place of handlers that nothing leads to.</summary>
    private const int FirstSystemCall = 0xF0;

    /// <summary>Which vector's handler an instruction pointer behind its HLT belongs to; −1 if none.</summary>
    public static int VectorOf(ulong rip) => rip - LabLayout.Handlers < 256 * 16 ? (int)((rip - LabLayout.Handlers) / 16) : -1;

    /// <summary>Where SYSCALL leads.</summary>
    public static ulong SystemCallOf(int number) => LabLayout.Handlers + (ulong)((FirstSystemCall + number) * 16);

    public static bool HasErrorCode(int vector) => vector is 8 or 10 or 11 or 12 or 13 or 14 or 17;

    public static void WriteTables(GuestMemory memory, bool userBreakpoints)
    {
        Set(GuestProgram.Code32, 0, 0xFFFFF, 0xC09B);
        Set(GuestProgram.DataSegment, 0, 0xFFFFF, 0xC093);
        Set(GuestProgram.UserCode32, 0, 0xFFFFF, 0xC0FB);
        Set(GuestProgram.UserData, 0, 0xFFFFF, 0xC0F3);
        Set(GuestProgram.Code64, 0, 0xFFFFF, 0xA09B);
        Set(GuestProgram.UserCode64, 0, 0xFFFFF, 0xA0FB);
        Set(GuestProgram.Task, (uint)LabLayout.Tss32, 0x67, 0x8B);
        for (var vector = 0; vector < 256; vector++)
        {
            var handler = LabLayout.Handlers + ((ulong)vector * 16);
            memory.Write(Gpa(handler), (byte)0xF4);
            memory.Write(Gpa(LabLayout.Idt64) + ((ulong)vector * 16), GuestProgram.Gate(GuestProgram.Code64, (uint)handler, userBreakpoints && vector == (int)ExceptionVector.Breakpoint ? 0xEEu : 0x8E));
            memory.Write(Gpa(LabLayout.Idt32) + ((ulong)vector * 8), GuestProgram.Gate(GuestProgram.Code32, (uint)handler, 0x8E));
        }

        // sysretq; clac, sti, sysretq; mov r11d 240A02h, sysretq; stac, mov al [rsp - 8], clac, sysretq.
        memory.TryWrite(Gpa(SystemCallOf(0)), [0x48, 0x0F, 0x07]);
        memory.TryWrite(Gpa(SystemCallOf(1)), [0x0F, 0x01, 0xCA, 0xFB, 0x48, 0x0F, 0x07]);
        memory.TryWrite(Gpa(SystemCallOf(2)), [0x41, 0xBB, 0x02, 0x0A, 0x24, 0x00, 0x48, 0x0F, 0x07]);
        memory.TryWrite(Gpa(SystemCallOf(3)), [0x0F, 0x01, 0xCB, 0x8A, 0x44, 0x24, 0xF8, 0x0F, 0x01, 0xCA, 0x48, 0x0F, 0x07]);

        memory.Write(Gpa(LabLayout.Tss64) + 4, LabLayout.KernelStackTop);
        memory.Write(Gpa(LabLayout.Tss64) + 36, LabLayout.IstTop);
        memory.Write(Gpa(LabLayout.Tss64) + 102, (ushort)0x68);
        memory.Write(Gpa(LabLayout.Tss32) + 4, (uint)LabLayout.KernelStackTop);
        memory.Write(Gpa(LabLayout.Tss32) + 8, GuestProgram.DataSegment);
        memory.Write(Gpa(LabLayout.Tss32) + 102, (ushort)0x68);

        void Set(ushort selector, uint baseAddress, uint limit, uint attributes) =>
            memory.Write(Gpa(LabLayout.Gdt) + (selector & 0xFFF8u), GuestProgram.Descriptor(baseAddress, limit, attributes));
    }

    /// <summary>Gives every exception of 64-bit mode the first interrupt stack, or #DF alone.</summary>
    public static void SetIst(GuestMemory memory, bool all)
    {
        for (var vector = 0; vector < 32; vector++)
        {
            memory.Write(Gpa(LabLayout.Idt64) + ((ulong)vector * 16) + 4, (byte)(all || vector == DoubleFault ? 1 : 0));
        }
    }

    public static void Enter(X86Cpu cpu, LabMode mode, LabTables tables)
    {
        var is64 = mode.Bits() == 64;
        cpu[X86Register.GdtBase] = LabLayout.Gdt;
        cpu[X86Register.GdtLimit] = 0xFFF;
        cpu[X86Register.IdtBase] = is64 ? LabLayout.Idt64 : LabLayout.Idt32;
        cpu[X86Register.IdtLimit] = 0xFFF;

        // PAE, OSFXSR, OSXMMEXCPT, FSGSBASE, OSXSAVE; NXE, and LME with LMA; PG, AM, WP, NE, ET, MP, PE.
        cpu[X86Register.Cr4] = 0x50620;
        cpu[X86Register.Efer] = is64 ? 0xD01u : 0x800u;
        cpu[X86Register.Cr3] = tables.Root;
        tables.Reset();
        cpu[X86Register.Cr0] = 0x80050033;
        var (code, attributes) = (is64, mode.IsUser()) switch
        {
            (true, false) => (GuestProgram.Code64, 0xA09Bu),
            (true, true) => (GuestProgram.UserCode64, 0xA0FBu),
            (false, false) => (GuestProgram.Code32, 0xC09Bu),
            (false, true) => (GuestProgram.UserCode32, 0xC0FBu),
        };
        cpu.SetSegment(X86Segment.Cs, code, 0, uint.MaxValue, attributes);
        foreach (var segment in (ReadOnlySpan<X86Segment>)[X86Segment.Ss, X86Segment.Ds, X86Segment.Es, X86Segment.Fs, X86Segment.Gs])
        {
            cpu.SetSegment(segment, mode.IsUser() ? GuestProgram.UserData : GuestProgram.DataSegment, 0, uint.MaxValue, mode.IsUser() ? 0xC0F3u : 0xC093u);
        }

        cpu.SetSegment(X86Segment.Tr, GuestProgram.Task, is64 ? LabLayout.Tss64 : LabLayout.Tss32, 0x67, 0x8B);
    }

    private static ulong Gpa(ulong linear) => linear - LabLayout.Kernel;
}
