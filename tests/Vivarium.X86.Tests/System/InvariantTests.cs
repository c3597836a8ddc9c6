namespace Vivarium.X86.Tests;

/// <summary>Debug builds notice when what must always hold does not. All other tests of this project run under the same checks there.</summary>
public sealed unsafe class InvariantTests
{
#if DEBUG
    private const bool IsDebug = true;
#else
    private const bool IsDebug = false;
#endif

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void AnEntryThatLeadsElsewhereIsFound(bool isWrite)
    {
        Assert.SkipUnless(IsDebug, "Invariants are checked in debug builds only.");
        using var program = GuestProgram.Long(c =>
        {
            if (isWrite)
            {
                c.mov(Iced.Intel.AssemblerRegisters.__qword_ptr[GuestProgram.Data], Iced.Intel.AssemblerRegisters.rax);
            }
            else
            {
                c.mov(Iced.Intel.AssemblerRegisters.rax, Iced.Intel.AssemblerRegisters.__qword_ptr[GuestProgram.Data]);
            }

            c.hlt();
        });
        program.Cpu.Run(10);
        program.Cpu.Core.CheckTlb();
        var entry = program.Cpu.Core.Tlb.ForMode(MmuMode.Supervisor) + ((int)(GuestProgram.Data >> 12) & (Tlb.EntryCount - 1));
        Assert.NotEqual(0, entry->Page);
        entry->Page += 4096;
        Assert.Throws<InvariantException>(() => program.Cpu.Core.CheckTlb());
    }

    [Fact]
    public void AWriteTagOfAPageWithCodeIsFound()
    {
        Assert.SkipUnless(IsDebug, "Invariants are checked in debug builds only.");
        using var program = GuestProgram.Long(c => c.hlt());
        program.Cpu.Run(10);
        Assert.True(program.Cpu.Core.TryFillTlb(GuestProgram.CodeBase, PageAccess.Read));
        program.Cpu.Core.CheckTlb();
        var entry = program.Cpu.Core.Tlb.ForMode(MmuMode.Supervisor) + ((int)(GuestProgram.CodeBase >> 12) & (Tlb.EntryCount - 1));
        entry->WriteTag = entry->ReadTag;
        Assert.Throws<InvariantException>(() => program.Cpu.Core.CheckTlb());
    }

    [Theory]
    [InlineData(GuestProgram.Data)]
    [InlineData(GuestProgram.Data + 0xFFF)]
    public void CodeThatChangedWithoutAWordIsFound(ulong at)
    {
        Assert.SkipUnless(IsDebug, "Invariants are checked in debug builds only.");
        using var program = GuestProgram.Long(c => c.hlt());
        program.Load(c => { c.mov(Iced.Intel.AssemblerRegisters.eax, 0x1234); c.hlt(); }, at, at);
        program[X86Register.Rip] = at;
        program.Run().AssertCompleted();
        program[X86Register.Rip] = at;
        program.Run().AssertCompleted();

        // SAFETY: a page of RAM, of which nobody is told that it was written.
        program.Memory.GetReadPage((at + 1) & ~0xFFFUL)[(at + 1) & 0xFFF] ^= 1;
        program[X86Register.Rip] = GuestProgram.CodeBase;
        Assert.Throws<InvariantException>(() => program.Run());
    }

    [Fact]
    public void CodeThatIsWrittenIsGivenUp()
    {
        using var program = GuestProgram.Long(c => c.hlt());
        program.Load(c => { c.mov(Iced.Intel.AssemblerRegisters.eax, 0x1234); c.hlt(); }, GuestProgram.Data, GuestProgram.Data);
        for (var value = 0u; value < 3; value++)
        {
            program.Memory.Write(GuestProgram.Data + 1, value);
            program[X86Register.Rip] = GuestProgram.Data;
            program.Run().AssertCompleted();
            Assert.Equal(value, program[X86Register.Rax]);
        }
    }
}
