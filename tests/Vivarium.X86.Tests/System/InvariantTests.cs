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
}
