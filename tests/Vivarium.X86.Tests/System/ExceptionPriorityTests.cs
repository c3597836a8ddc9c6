using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Vivarium.X86.Tests;

/// <summary>
/// Instructions with two things wrong: which exception is raised, by the order of Intel SDM Vol. 3A table 6-2 (breakpoints, faults of decoding and
/// of missing units, then those of execution) and by the instructions' own pages, where the operation says what is looked at first.
/// </summary>
public sealed unsafe class ExceptionPriorityTests
{
    private const ulong Missing = 0x200000;
    private const ulong NonCanonical = 0x8000_0000_0000;
    private const ulong Emulation = 1 << 2;
    private const ulong TaskSwitched = 1 << 3;

    public static TheoryData<string, int> Rows => new()
    {
        { "breakpoint, undefined", 1 },
        { "breakpoint, page of the code", 1 },
        { "breakpoint, privilege", 1 },
        { "undefined, page of the operand", 6 },
        { "prefix before VEX, page of the operand", 6 },
        { "LOCK, privilege", 6 },
        { "no OSXSAVE, task switched", 6 },
        { "no OSXSAVE, privilege", 6 },
        { "emulation of SSE, task switched", 6 },
        { "no SYSCALL, privilege", 6 },
        { "task switched, page of the operand", 7 },
        { "task switched, SSE, page of the operand", 7 },
        { "task switched, address", 7 },
        { "task switched, pending x87", 7 },
        { "pending x87, page of the operand", 16 },
        { "privilege, page of the operand", 13 },
        { "privilege, address of the stack", 13 },
        { "gate's privilege, gate not present", 13 },
        { "page of the operand, division by zero", 14 },
        { "address, division by zero", 13 },
    };

    [Theory]
    [MemberData(nameof(Rows))]
    public void TheFirstInTheOrderIsRaised(string row, int vector)
    {
        using var program = GuestProgram.Long(code => Write(code, row));
        program.Memory.Write(GuestProgram.EntryOf(Missing), 0UL);
        if (row.Contains("privilege", StringComparison.Ordinal))
        {
            program.AsUser();
        }

        program[X86Register.Rbx] = row.Contains("address,", StringComparison.Ordinal) || row.EndsWith("address", StringComparison.Ordinal) ? NonCanonical : Missing;
        program[X86Register.Cr0] |= row.Contains("task switched", StringComparison.Ordinal) ? TaskSwitched : 0;
        program[X86Register.Cr0] |= row.StartsWith("emulation", StringComparison.Ordinal) ? Emulation : 0;
        if (row.Contains("pending", StringComparison.Ordinal))
        {
            // Invalid operation, not masked.
            program.Cpu.Core.State->Fcw = 0x37E;
            program.Cpu.Core.State->Fsw = 0x8081;
        }

        if (row.StartsWith("breakpoint", StringComparison.Ordinal))
        {
            program.Cpu.Core.State->Dr[0] = row.EndsWith("code", StringComparison.Ordinal) ? Missing : GuestProgram.CodeBase;
            program.Cpu.Core.State->Dr[7] = 0x402;
        }

        program[X86Register.Efer] = row.StartsWith("no SYSCALL", StringComparison.Ordinal) ? 0xD00 : program[X86Register.Efer];
        program.SetGate(0x30, GuestProgram.Gate(GuestProgram.Code64, (uint)GuestProgram.HandlerOf(0x30), 0x0E));
        Assert.Equal(vector, program.Run().Vector);
    }

    private static void Write(Assembler code, string row)
    {
        switch (row)
        {
            case "breakpoint, undefined": code.ud2(); break;
            case "breakpoint, page of the code": code.jmp(rbx); break;
            case "breakpoint, privilege": code.hlt(); break;
            case "undefined, page of the operand": code.ud1(eax, __[rbx]); break;
            case "prefix before VEX, page of the operand": code.db(0x66, 0xC5, 0xF8, 0x58, 0x03); break;
            case "LOCK, privilege": code.db(0xF0, 0xF4); break;
            case "no OSXSAVE, task switched": code.vaddps(xmm0, xmm1, xmm2); break;
            case "no OSXSAVE, privilege": code.xsetbv(); break;
            case "emulation of SSE, task switched": code.addps(xmm0, xmm1); break;
            case "no SYSCALL, privilege": code.sysretq(); break;
            case "task switched, page of the operand" or "task switched, address" or "pending x87, page of the operand": code.fld(__dword_ptr[rbx]); break;
            case "task switched, SSE, page of the operand": code.addps(xmm0, __[rbx]); break;
            case "task switched, pending x87": code.wait(); break;
            case "privilege, page of the operand": code.lgdt(__[rbx]); break;
            case "privilege, address of the stack": code.mov(rsp, NonCanonical); code.mov(rax, cr0); break;
            case "gate's privilege, gate not present": code.@int(0x30); break;
            default: code.xor(edx, edx); code.div(__dword_ptr[rbx]); break;
        }
    }
}
