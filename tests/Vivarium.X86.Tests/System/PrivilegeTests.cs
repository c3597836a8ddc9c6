namespace Vivarium.X86.Tests;

/// <summary>Instructions that need a privilege level (Intel SDM Vol. 3A §5.9) or a permission that user code was not given, in both modes of user code.</summary>
public sealed class PrivilegeTests
{
    private const ulong TimeStampDisable = 1 << 2;
    private const ulong XsaveEnabled = 1 << 18;

    /// <summary>#GP(0) at CPL 3, in 32-bit and 64-bit code alike. [EAX], or [RAX], is readable and writable.</summary>
    [Theory]
    [InlineData("HLT", "F4")]
    [InlineData("CLTS", "0F06")]
    [InlineData("INVD", "0F08")]
    [InlineData("WBINVD", "0F09")]
    [InlineData("INVLPG [EAX]", "0F0138")]
    [InlineData("INVPCID EAX, [EAX]", "660F388200")]
    [InlineData("LGDT [EAX]", "0F0110")]
    [InlineData("LIDT [EAX]", "0F0118")]
    [InlineData("LLDT AX", "0F00D0")]
    [InlineData("LTR AX", "0F00D8")]
    [InlineData("LMSW AX", "0F01F0")]
    [InlineData("RDMSR", "0F32")]
    [InlineData("WRMSR", "0F30")]
    [InlineData("SYSEXIT", "0F35")]
    [InlineData("XSETBV", "0F01D1")]
    [InlineData("MOV EAX, CR0", "0F20C0")]
    [InlineData("MOV EAX, CR2", "0F20D0")]
    [InlineData("MOV EAX, CR3", "0F20D8")]
    [InlineData("MOV EAX, CR4", "0F20E0")]
    [InlineData("MOV CR0, EAX", "0F22C0")]
    [InlineData("MOV CR2, EAX", "0F22D0")]
    [InlineData("MOV CR3, EAX", "0F22D8")]
    [InlineData("MOV CR4, EAX", "0F22E0")]
    [InlineData("MOV EAX, DR0", "0F21C0")]
    [InlineData("MOV EAX, DR6", "0F21F0")]
    [InlineData("MOV EAX, DR7", "0F21F8")]
    [InlineData("MOV DR0, EAX", "0F23C0")]
    [InlineData("MOV DR7, EAX", "0F23F8")]
    [InlineData("CLI", "FA")]
    [InlineData("STI", "FB")]
    [InlineData("IN AL, 80", "E480")]
    [InlineData("IN EAX, DX", "ED")]
    [InlineData("OUT 80, AL", "E680")]
    [InlineData("OUT DX, EAX", "EF")]
    [InlineData("INSB", "6C")]
    [InlineData("OUTSB", "6E")]
    [InlineData("RDTSC", "0F31")]
    [InlineData("RDTSCP", "0F01F9")]
    public void UserCodeMayNot(string name, string code)
    {
        foreach (var is64 in (bool[])[false, true])
        {
            using var program = Create(is64, code).AsUser();
            program[X86Register.Cr4] |= TimeStampDisable | XsaveEnabled;
            program[X86Register.Rcx] = 0x1B;

            // No bitmap of ports within the task.
            program.Memory.Write(GuestProgram.TssBase + 102, ushort.MaxValue);
            AssertUnchanged(program, name, vector: 13);
        }
    }

    /// <summary>The same of instructions that only 64-bit code has.</summary>
    [Theory]
    [InlineData("SWAPGS", "0F01F8")]
    [InlineData("SYSRET", "480F07")]
    [InlineData("MOV RAX, CR8", "440F20C0")]
    [InlineData("MOV CR8, RAX", "440F22C0")]
    public void UserCodeOf64BitsMayNot(string name, string code)
    {
        using var program = Create(is64: true, code).AsUser();
        AssertUnchanged(program, name, vector: 13);
    }

    /// <summary>Not #GP but #UD: what there is at CPL 0 alone, and control registers that there are not.</summary>
    [Theory]
    [InlineData("CLAC", "0F01CA")]
    [InlineData("STAC", "0F01CB")]
    [InlineData("MOV EAX, CR1", "0F20C8")]
    [InlineData("MOV CR5, EAX", "0F22E8")]
    [InlineData("VMCALL", "0F01C1")]
    [InlineData("RSM", "0FAA")]
    public void ThereIsNoSuchInstructionForUserCode(string name, string code)
    {
        foreach (var is64 in (bool[])[false, true])
        {
            using var program = Create(is64, code).AsUser();
            AssertUnchanged(program, name, vector: 6);
        }
    }

    /// <summary>With IOPL 3 user code may change IF and reach ports.</summary>
    [Theory]
    [InlineData("FAF4")]
    [InlineData("FBF4")]
    [InlineData("E480F4")]
    [InlineData("E680F4")]
    public void UserCodeMayWithItsIopl(string code)
    {
        foreach (var is64 in (bool[])[false, true])
        {
            using var program = Create(is64, code).AsUser();
            program[X86Register.Rflags] |= 3 << 12;

            // The HLT behind it faults.
            var outcome = program.Run();
            outcome.AssertFault(13, 0);
            Assert.Equal(GuestProgram.CodeBase + (ulong)(code.Length / 2) - 1, outcome.Rip);
        }
    }

    /// <summary>MSRs that do not exist, that can only be written, or that belong to what a model or mode lacks.</summary>
    [Theory]
    [InlineData(0x49u, "max")]
    [InlineData(0x210u, "max")]
    [InlineData(0x25Au, "max")]
    [InlineData(0x802u, "max")]
    [InlineData(0x12345u, "max")]
    [InlineData(0x4000_1000u, "max")]
    [InlineData(0xC000_0085u, "max")]
    [InlineData(0xC001_0000u, "max")]
    [InlineData(0xFFFF_FFFFu, "max")]
    public void MsrReadsThatFault(uint index, string model)
    {
        using var program = GuestProgram.Long(code => code.db(0x0F, 0x32), CpuModel.Parse(model));
        program[X86Register.Rcx] = index;
        AssertUnchanged(program, $"RDMSR of {index:X}", vector: 13);
    }

    private static GuestProgram Create(bool is64, string code)
    {
        var bytes = Convert.FromHexString(code);
        return is64 ? GuestProgram.Long(assembler => assembler.db(bytes)) : GuestProgram.Protected(assembler => assembler.db(bytes));
    }

    /// <summary>The instruction faults at its own address, with nothing changed.</summary>
    private static void AssertUnchanged(GuestProgram program, string name, int vector)
    {
        program[X86Register.Rax] = GuestProgram.Data;
        program[X86Register.Rsi] = GuestProgram.Data;
        program[X86Register.Rdi] = GuestProgram.Data;
        var registers = (X86Register[])[X86Register.Cr0, X86Register.Cr3, X86Register.Cr4, X86Register.GdtBase, X86Register.IdtBase, X86Register.Rax, X86Register.Rdx, X86Register.Rcx];
        var before = registers.Select(register => program[register]).ToArray();
        var outcome = program.Run();
        Assert.True((vector, vector == 13 ? 0u : null, GuestProgram.CodeBase) == (outcome.Vector, outcome.ErrorCode, outcome.Rip), $"{name}: {outcome}");
        Assert.Equal(before, registers.Select(register => program[register]));
    }
}
