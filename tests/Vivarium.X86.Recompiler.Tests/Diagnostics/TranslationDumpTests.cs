using FsCheck.Xunit;

namespace Vivarium.X86.Tests;

/// <summary>Dumps of translations: blocks, sides, flags, what is interpreted, bad input.</summary>
public sealed class TranslationDumpTests
{
    [Fact]
    public void ABlockShowsBothSides()
    {
        // add rax, rbx; mov r9, rcx; rdtsc; jmp to itself
        var dump = Create("4801D84989C90F31EBFE");
        var block = Assert.Single(dump.Blocks, block => block.Address == 0x1000);
        Assert.Equal((4, 1, 10), (block.Instructions, block.Interpreted, block.GuestBytes));
        Assert.True(block.HostBytes > 10);
        var guest = block.Parts.Where(part => part.GuestText.Length > 0).ToList();
        Assert.Equal(["add rax, rbx", "mov r9, rcx", "rdtsc", "jmp 0x1008"], guest.Select(part => part.GuestText));
        Assert.Equal([false, false, true, false], guest.Select(part => part.IsInterpreted));
        Assert.Equal("add rax, rbx", Assert.Single(guest[0].Host).Text);
        Assert.Contains(guest[1].Host, line => line.Text == "mov [r15+guest.r9], rsi");
        Assert.Contains(guest[2].Host, line => line.Text == "call interpret");
        var text = dump.ToString();
        Assert.All(guest, part => Assert.Contains(part.GuestText, text, StringComparison.Ordinal));
        Assert.Contains("block 1000: 4 instructions, 1 interpreted, 10 bytes of guest code", text, StringComparison.Ordinal);
    }

    [Fact]
    public void LiveFlagsAreThoseThatAreRead()
    {
        // mov ecx, edx; adc eax, ebx; neg eax; hlt
        var block = Create("89D111D8F7D8F4").Blocks[0];
        Assert.Equal(["C", "C", "", "OSZACP"], block.Parts.Where(part => part.GuestText.Length > 0).Select(part => part.LiveFlags));
    }

    [Fact]
    public void BlocksAreFoundThroughBranchesAndCalls()
    {
        // je 1010; call 1020; ret (at 1007)
        var code = new byte[0x30];
        Convert.FromHexString("740EE819000000C3").CopyTo(code, 0);
        code[0x10] = code[0x20] = 0xC3;
        var dump = TranslationDump.Create([new GuestCode(0x1000, code)]);
        Assert.Equal([0x1000UL, 0x1007, 0x1010, 0x1020], dump.Blocks.Select(block => block.Address));
        Assert.False(dump.IsCut);
        dump = TranslationDump.Create([new GuestCode(0x1000, code)], new TranslationDumpOptions { MaxBlocks = 2 });
        Assert.Equal((2, true), (dump.Blocks.Count, dump.IsCut));
        Assert.Contains("more blocks", dump.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void PiecesAndPagesEndBlocks()
    {
        // At the end of a page: nop; mov eax, imm32 that runs into the next.
        var code = new byte[0x1010];
        code[0xFFE] = 0x90;
        code[0xFFF] = 0xB8;
        var dump = TranslationDump.Create([new GuestCode(0x1000, code), new GuestCode(0x5000, new byte[] { 0xC3 })], new TranslationDumpOptions { Entry = 0x1FFE });
        Assert.Equal([0x1FFEUL, 0x1FFF], dump.Blocks.Select(block => block.Address));
        Assert.Equal((0, 0), (dump.Blocks[1].HostBytes, dump.Blocks[1].Instructions));
        Assert.Contains("runs into the next page", dump.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void FlatCodeOf32BitsWrapsAtItsEnd()
    {
        // At FFFFFFFE: jmp +2, which is 2.
        var dump = TranslationDump.Create([new GuestCode(0xFFFFFFFE, new byte[] { 0xEB, 0x02 }), new GuestCode(2, new byte[] { 0x40, 0xF4 })], new TranslationDumpOptions { Bits = 32 });
        Assert.Equal([2UL, 0xFFFFFFFE], dump.Blocks.Select(block => block.Address));
        Assert.Contains("inc eax", dump.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void ImpossibleOptionsAreRefused()
    {
        Assert.Throws<ArgumentNullException>(() => TranslationDump.Create(null!));
        Assert.Throws<ArgumentException>(() => TranslationDump.Create([]));
        GuestCode[] code = [new GuestCode(0x1000, new byte[] { 0xC3 })];
        Assert.Throws<ArgumentException>(() => TranslationDump.Create(code, new TranslationDumpOptions { Bits = 16 }));
        Assert.Throws<ArgumentException>(() => TranslationDump.Create(code, new TranslationDumpOptions { Entry = 0x1001 }));
        Assert.Throws<ArgumentOutOfRangeException>(() => TranslationDump.Create(code, new TranslationDumpOptions { MaxBlocks = 0 }));
    }

    [Fact]
    public void TheModelDecidesWhatThereIs()
    {
        // popcnt eax, ebx
        GuestCode[] code = [new GuestCode(0x1000, Convert.FromHexString("F30FB8C3C3"))];
        Assert.Equal(0, TranslationDump.Create(code).Blocks[0].Interpreted);
        Assert.Equal(1, TranslationDump.Create(code, new TranslationDumpOptions { Model = CpuModel.X86_64_V1 }).Blocks[0].Interpreted);
    }

    [Property(MaxTest = 60)]
    public void AnyBytesCanBeShown(byte[]? bytes, bool wide, ushort offset)
    {
        if (bytes is { Length: > 0 })
        {
            var dump = TranslationDump.Create([new GuestCode(0x10000UL + offset, bytes)], new TranslationDumpOptions { Bits = wide ? 64 : 32, MaxBlocks = 8 });
            Assert.NotEmpty(dump.ToString());
            Assert.All(dump.Blocks, block => Assert.Equal(block.HostBytes, block.Parts.Sum(part => part.Host.Sum(line => line.Bytes.Length))));
        }
    }

    private static TranslationDump Create(string code) => TranslationDump.Create([new GuestCode(0x1000, Convert.FromHexString(code))]);
}
