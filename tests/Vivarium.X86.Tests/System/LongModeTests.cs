using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Vivarium.X86.Tests;

/// <summary>System calls, mode switches, control registers, MSRs and features of 64-bit mode.</summary>
public sealed class LongModeTests
{
    private const ulong Kernel = GuestProgram.CodeBase + 0x400;

    [Fact]
    public void SyscallAndSysretKeepFlagsAndLoadFlatSegments()
    {
        using var program = GuestProgram.Long(code =>
        {
            code.syscall();
            code.@int(0x80);
        }).AsUser();
        program[X86Register.Rflags] = 0x40ED7;
        SetMsr(program, 0xC0000081, 0x0023_0028_00000000);
        SetMsr(program, 0xC0000082, Kernel);
        SetMsr(program, 0xC0000084, 0x47700);
        program.Load(code => { code.mov(rbx, r11); code.mov(rsi, rcx); code.pushfq(); code.pop(rdi); code.sysretq(); }, Kernel, Kernel);
        var outcome = program.Run();
        outcome.AssertFault(0x80);
        Assert.Equal((GuestProgram.CodeBase + 4, 0x33), (outcome.Rip, outcome.Cs));
        Assert.Equal((0x40ED7UL, GuestProgram.CodeBase + 2), (program[X86Register.Rbx], program[X86Register.Rsi]));
        Assert.Equal(0x8D7UL & ~0UL, program[X86Register.Rdi] & 0xFFFFF);
        Assert.Equal(0x40ED7UL, outcome.Flags);
    }

    [Fact]
    public void SysretToANonCanonicalAddressFaultsInTheKernel()
    {
        using var program = GuestProgram.Long(code => { code.mov(rcx, 0x800000000000); code.sysretq(); });
        var outcome = program.Run();
        outcome.AssertFault(13, 0);
        Assert.Equal(GuestProgram.Code64, outcome.Cs);
    }

    [Fact]
    public void SyscallNeedsSce()
    {
        using var program = GuestProgram.Long(code => code.syscall());
        program[X86Register.Efer] = 0xD00;
        program.Run().AssertFault(6);
    }

    [Fact]
    public void SysenterAndSysexit()
    {
        using var program = GuestProgram.Long(code => { code.sysenter(); code.hlt(); }).AsUser();
        SetMsr(program, 0x174, GuestProgram.Code64);
        SetMsr(program, 0x175, GuestProgram.KernelStackTop);
        SetMsr(program, 0x176, Kernel);
        program.Load(code => { code.mov(rbx, rsp); code.mov(rdx, Kernel + 0x100); code.mov(rcx, GuestProgram.StackTop); code.sysexitq(); }, Kernel, Kernel);
        program.Load(code => code.@int(0x80), Kernel + 0x100, Kernel + 0x100);
        var outcome = program.Run();
        outcome.AssertFault(0x80);
        Assert.Equal((0x4B, GuestProgram.KernelStackTop), (outcome.Cs, program[X86Register.Rbx]));
    }

    [Fact]
    public void SysenterWithoutASegmentFaults()
    {
        using var program = GuestProgram.Long(code => code.sysenter());
        program.Run().AssertFault(13, 0);
    }

    [Fact]
    public void CompatibilityModeAndBack()
    {
        using var program = GuestProgram.Long(code =>
        {
            code.push(GuestProgram.Code32);
            code.push((int)Kernel);
            code.db(0x48, 0xCB);
        });
        program.Load(code => { code.mov(eax, -1); code.inc(eax); code.dec(eax); code.db(0x40); code.jmp(GuestProgram.Code64, (uint)Kernel + 0x100); }, Kernel, Kernel, 32);
        program.Load(code => { code.mov(rbx, 0x123456789A); code.hlt(); }, Kernel + 0x100, Kernel + 0x100);
        program.Run().AssertCompleted();
        Assert.Equal((0UL, 0x123456789AUL), (program[X86Register.Rax], program[X86Register.Rbx]));
    }

    [Fact]
    public void SwapgsAndFsgsbase()
    {
        using var program = GuestProgram.Long(code =>
        {
            code.mov(rax, GuestProgram.Data);
            code.mov(rbx, cr4);
            code.or(rbx, 1 << 16);
            code.mov(cr4, rbx);
            code.wrgsbase(rax);
            code.mov(cl, __byte_ptr.gs[8]);
            code.swapgs();
            code.rdgsbase(rdx);
            code.swapgs();
            code.rdgsbase(rsi);
            code.mov(rax, 0x800000000000);
            code.wrfsbase(rax);
        });
        program.Memory.Write(GuestProgram.Data + 8, (byte)0x5A);
        program.Run().AssertFault(13, 0);
        Assert.Equal((0x5AUL, 0UL, GuestProgram.Data), (program[X86Register.Rcx] & 0xFF, program[X86Register.Rdx], program[X86Register.Rsi]));
    }

    [Fact]
    public void Cr8IsTheTaskPriority()
    {
        using var program = GuestProgram.Long(code => { code.mov(eax, 9); code.mov(cr8, rax); code.mov(rbx, cr8); code.mov(eax, 16); code.mov(cr8, rax); });
        program.Run().AssertFault(13, 0);
        Assert.Equal((9, 9UL), (program.Apic.TaskPriorityClass, program[X86Register.Rbx]));
    }

    [Theory]
    [InlineData(0, 0x80000032UL)]
    [InlineData(0, 0xA0000033UL)]
    [InlineData(0, 0x180000033UL)]
    [InlineData(0, 0x33UL)]
    [InlineData(3, 0x8000000000070000UL)]
    [InlineData(3, 0x10000000000UL)]
    [InlineData(4, 0x600UL)]
    [InlineData(4, 0x1620UL)]
    [InlineData(4, 0x621UL)]
    public void ControlRegisterWritesThatFault(int register, ulong value)
    {
        using var program = GuestProgram.Long(code =>
        {
            code.mov(rax, value);
            code.mov(register switch { 0 => cr0, 3 => cr3, _ => cr4 }, rax);
            code.hlt();
        });
        program.Run().AssertFault(13, 0);
    }

    [Theory]
    [InlineData(0xC0000080u, 0xC01UL)]
    [InlineData(0xC0000080u, 0x2D01UL)]
    [InlineData(0xC0000082u, 0x800000000000UL)]
    [InlineData(0xC0000102u, 0x800000000000UL)]
    [InlineData(0xC0000084u, 0x100000000UL)]
    [InlineData(0x277u, 0x2UL)]
    [InlineData(0x2FFu, 0x1000UL)]
    [InlineData(0x2FFu, 2UL)]
    [InlineData(0x250u, 0x0700000000000000UL)]
    [InlineData(0x200u, 0x706UL)]
    [InlineData(0x201u, 0xFFUL)]
    [InlineData(0xFEu, 0UL)]
    [InlineData(0x48u, 0x80UL)]
    [InlineData(0x12345u, 0UL)]
    public void MsrWritesThatFaultChangeNothing(uint index, ulong value)
    {
        using var program = GuestProgram.Long(code =>
        {
            code.mov(ecx, index);
            code.mov(eax, (uint)value);
            code.mov(edx, (uint)(value >> 32));
            code.wrmsr();
        });
        var before = TryReadMsr(program, index);
        program[X86Register.Rip] = GuestProgram.CodeBase;
        program.Run().AssertFault(13, 0);
        Assert.Equal(before, TryReadMsr(program, index));
    }

    [Theory]
    [InlineData(0, false)]
    [InlineData(1, false)]
    [InlineData(2, false)]
    [InlineData(0, true)]
    [InlineData(1, true)]
    [InlineData(2, true)]
    public void UmipHidesTablesFromUsers(int form, bool umip)
    {
        using var program = GuestProgram.Long(code =>
        {
            switch (form)
            {
                case 0: code.sidt(__[(long)GuestProgram.Data]); break;
                case 1: code.smsw(eax); break;
                default: code.str(eax); break;
            }

            code.@int(0x80);
        }).AsUser();
        program[X86Register.Cr4] = umip ? 0xE20UL : 0x620;
        Assert.Equal(umip ? 13 : 0x80, program.Run().Vector);
    }

    [Theory]
    [InlineData(new byte[] { 0xF3, 0x0F, 0xB8, 0xC1 }, "x86-64-v1")]
    [InlineData(new byte[] { 0x48, 0x0F, 0xC7, 0x0F }, "x86-64-v1")]
    [InlineData(new byte[] { 0x9F }, "x86-64-v1")]
    [InlineData(new byte[] { 0x0F, 0x38, 0xF0, 0x07 }, "x86-64-v2")]
    [InlineData(new byte[] { 0xC4, 0xE2, 0x68, 0xF2, 0xC1 }, "x86-64-v2")]
    [InlineData(new byte[] { 0xC4, 0xE2, 0x68, 0xF5, 0xC1 }, "x86-64-v2")]
    [InlineData(new byte[] { 0x66, 0x0F, 0x38, 0xDC, 0xC1 }, "x86-64-v3")]
    [InlineData(new byte[] { 0x66, 0x0F, 0x3A, 0x44, 0xC1, 0x00 }, "x86-64-v3")]
    [InlineData(new byte[] { 0x0F, 0xC7, 0xF0 }, "x86-64-v2")]
    [InlineData(new byte[] { 0x0F, 0x01, 0xCA }, "x86-64-v2")]
    [InlineData(new byte[] { 0x0F, 0x01, 0xF9 }, "x86-64-v2")]
    public void InstructionsThatAModelLacks(byte[] bytes, string model)
    {
        foreach (var (name, vector) in ((string, int?)[])[(model, 6), ("max", null)])
        {
            using var program = GuestProgram.Long(code => { code.db(bytes); code.hlt(); }, CpuModel.Parse(name));
            program[X86Register.Rdi] = GuestProgram.Data;
            Assert.Equal(vector, program.Run().Vector);
        }
    }

    [Theory]
    [InlineData(0xBC, "x86-64-v2", 4UL)]
    [InlineData(0xBC, "max", 4UL)]
    [InlineData(0xBD, "x86-64-v2", 8UL)]
    [InlineData(0xBD, "max", 55UL)]
    public void CountsFallBackToScansWithoutTheirFeature(byte opcode, string model, ulong expected)
    {
        using var program = GuestProgram.Long(code => { code.db(0xF3, 0x48, 0x0F, opcode, 0xC1); code.hlt(); }, CpuModel.Parse(model));
        program[X86Register.Rcx] = 0x110;
        program.Run().AssertCompleted();
        Assert.Equal(expected, program[X86Register.Rax]);
    }

    [Theory]
    [InlineData("x86-64-v1", 0u, 0u)]
    [InlineData("x86-64-v2", 1u << 23, 0u)]
    [InlineData("x86-64-v3", 1u << 23, 1u << 3)]
    [InlineData("max", 1u << 23, 1u << 3)]
    public void CpuidTellsTheModel(string model, uint popcnt, uint bmi1)
    {
        using var program = GuestProgram.Long(code =>
        {
            code.mov(eax, 1);
            code.cpuid();
            code.mov(esi, ecx);
            code.mov(eax, 7);
            code.xor(ecx, ecx);
            code.cpuid();
            code.hlt();
        }, CpuModel.Parse(model));
        program.Run().AssertCompleted();
        Assert.Equal((popcnt, bmi1), ((uint)program[X86Register.Rsi] & (1u << 23), (uint)program[X86Register.Rbx] & (1u << 3)));
    }

    /// <summary>FMA, MOVBE, XSAVE, AVX, F16C; BMI1, AVX2, BMI2; LZCNT. OSXSAVE follows CR4.</summary>
    [Theory]
    [InlineData("x86-64-v2", 0u, 0u, 0u, 0u)]
    [InlineData("x86-64-v3", 0x34401000u, 0x128u, 0x20u, 7u)]
    [InlineData("max", 0x34401000u, 0x128u, 0x20u, 0x207u)]
    public void CpuidTellsTheThirdLevel(string model, uint leaf1, uint leaf7, uint extended, uint xcr0)
    {
        using var program = GuestProgram.Long(code =>
        {
            code.mov(eax, 1);
            code.cpuid();
            code.mov(r8d, ecx);
            code.mov(eax, 7);
            code.xor(ecx, ecx);
            code.cpuid();
            code.mov(r9d, ebx);
            code.mov(eax, 0x80000001);
            code.cpuid();
            code.mov(r10d, ecx);
            code.mov(eax, 0xD);
            code.xor(ecx, ecx);
            code.cpuid();
            code.mov(r11d, eax);
            code.mov(r12d, ecx);
            code.mov(eax, 0xD);
            code.mov(ecx, 2);
            code.cpuid();
            code.hlt();
        }, CpuModel.Parse(model));
        program.Run().AssertCompleted();
        Assert.Equal(leaf1, (uint)program[X86Register.R8] & 0x3C401000);
        Assert.Equal(leaf7, (uint)program[X86Register.R9] & 0x128);
        Assert.Equal(extended, (uint)program[X86Register.R10] & 0x20);
        Assert.Equal(xcr0, (uint)program[X86Register.R11]);
        Assert.Equal(xcr0 == 0 ? 0UL : xcr0 == 7 ? 832UL : 2696UL, program[X86Register.R12]);
        Assert.Equal(xcr0 == 0 ? (0UL, 0UL) : (256UL, 576UL), (program[X86Register.Rax], program[X86Register.Rbx]));
    }

    [Theory]
    [InlineData(0x7FFFFFFF)]
    [InlineData(int.MinValue)]
    [InlineData(0x7FFFF000)]
    public void RipRelativeOperandsReachTheirExtremes(int displacement)
    {
        using var program = GuestProgram.Long(code => code.nop());
        program.Memory.TryWrite(GuestProgram.CodeBase + 0xF00, [0x48, 0x8D, 0x05, .. BitConverter.GetBytes(displacement), 0xF4]);
        program[X86Register.Rip] = GuestProgram.CodeBase + 0xF00;
        program.Run().AssertCompleted();
        Assert.Equal(GuestProgram.CodeBase + 0xF07 + (ulong)(long)displacement, program[X86Register.Rax]);
    }

    [Fact]
    public void EnterWithNestingAndPopThroughTheStackPointer()
    {
        using var program = GuestProgram.Long(code =>
        {
            code.mov(rbp, GuestProgram.Data + 0x100);
            code.enter(0x20, 3);
            code.mov(rsi, rsp);
            code.mov(rdi, rbp);
            code.mov(rsp, GuestProgram.StackTop);
            code.push(0x55);
            code.pop(__qword_ptr[rsp + 8]);
            code.hlt();
        });
        program.Memory.Write(GuestProgram.Data + 0xF8, 0x1111UL);
        program.Memory.Write(GuestProgram.Data + 0xF0, 0x2222UL);
        program.Run().AssertCompleted();
        var frame = GuestProgram.StackTop - 8;
        Assert.Equal((frame, frame - 24 - 0x20), (program[X86Register.Rdi], program[X86Register.Rsi]));
        Assert.Equal(
            (0x1111UL, 0x2222UL, frame, 0x55UL),
            (program.Memory.Read<ulong>(frame - 8), program.Memory.Read<ulong>(frame - 16), program.Memory.Read<ulong>(frame - 24), program.Memory.Read<ulong>(GuestProgram.StackTop + 8)));
    }

    private static void SetMsr(GuestProgram program, uint index, ulong value)
    {
        var exit = RunPrivileged(program, code =>
        {
            code.mov(ecx, index);
            code.mov(eax, (uint)value);
            code.mov(edx, (uint)(value >> 32));
            code.wrmsr();
        });
        Assert.Null(exit.Vector);
    }

    private static ulong? TryReadMsr(GuestProgram program, uint index)
    {
        var outcome = RunPrivileged(program, code =>
        {
            code.mov(ecx, index);
            code.rdmsr();
            code.shl(rdx, 32);
            code.or(rax, rdx);
            code.mov(__[(long)GuestProgram.Data + 0x800], rax);
        });
        return outcome.Vector is null ? program.Memory.Read<ulong>(GuestProgram.Data + 0x800) : null;
    }

    /// <summary>Runs a piece of code at CPL 0 and puts registers and segments back.</summary>
    private static GuestOutcome RunPrivileged(GuestProgram program, Action<Assembler> code)
    {
        const ulong At = GuestProgram.CodeBase + 0x800;
        var registers = Enumerable.Range(0, (int)X86Register.Rflags + 1).Select(i => program[(X86Register)i]).ToArray();
        var wasUser = program.Cpu.Cpl == 3;
        program.Load(c => { code(c); c.hlt(); }, At, At);
        program.Cpu.SetSegment(X86Segment.Cs, GuestProgram.Code64, 0, uint.MaxValue, 0xA09B);
        program[X86Register.Rip] = At;
        program[X86Register.Rsp] = GuestProgram.StackTop;
        program[X86Register.Rflags] = 2;
        var outcome = program.Run();
        for (var i = 0; i < registers.Length; i++)
        {
            program[(X86Register)i] = registers[i];
        }

        if (wasUser)
        {
            program.AsUser();
        }

        return outcome;
    }
}
