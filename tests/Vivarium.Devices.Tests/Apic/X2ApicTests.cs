namespace Vivarium.Devices.Tests.Apic;

public sealed class X2ApicTests
{
    private readonly ApicMachine _machine = new ApicMachine(processors: 4, firstId: 254).EnableX2Apic();

    private LocalApic Bsp => _machine.Apics[0];

    [Theory]
    [InlineData(0x800UL, 0xC00UL, true)]
    [InlineData(0x800UL, 0x400UL, false)]
    [InlineData(0x800UL, 0x000UL, true)]
    [InlineData(0xC00UL, 0x800UL, false)]
    [InlineData(0xC00UL, 0x000UL, true)]
    [InlineData(0x000UL, 0xC00UL, false)]
    [InlineData(0x000UL, 0x800UL, true)]
    public void Mode_changes_follow_the_manual(ulong from, ulong to, bool allowed)
    {
        var apic = new ApicMachine(1).Apics[0];
        if (from != 0x800)
        {
            Assert.True(apic.TryWriteMsr(0x1B, 0xFEE0_0000 | from));
        }

        Assert.Equal(allowed, apic.TryWriteMsr(0x1B, 0xFEE0_0000 | to));
        Assert.Equal(0xFEE0_0100 | (allowed ? to : from), apic.ApicBase);
    }

    [Theory]
    [InlineData(0x1UL)]
    [InlineData(0x200UL)]
    [InlineData(1UL << 40)]
    public void Reserved_bits_of_the_base_fault(ulong bit) =>
        Assert.False(new ApicMachine(1).Apics[0].TryWriteMsr(0x1B, 0xFEE0_0800 | bit));

    [Fact]
    public void Ids_are_32_bits_and_the_logical_id_derives_from_them()
    {
        Assert.Equal(256UL, Read(2, 0x802));
        Assert.Equal(0x0010_0001UL, Read(2, 0x80D));
        Assert.Equal(0x000F_8000UL, Read(1, 0x80D));
    }

    [Theory]
    [InlineData(0x801u)]
    [InlineData(0x809u)]
    [InlineData(0x80Bu)]
    [InlineData(0x80Eu)]
    [InlineData(0x82Fu)]
    [InlineData(0x831u)]
    [InlineData(0x83Fu)]
    [InlineData(0x840u)]
    public void Registers_that_cannot_be_read_fault(uint index) => Assert.False(Bsp.TryReadMsr(index, out _));

    [Theory]
    [InlineData(0x802u, 0UL)]
    [InlineData(0x808u, 0x100UL)]
    [InlineData(0x80Bu, 1UL)]
    [InlineData(0x80Fu, 0x400UL)]
    [InlineData(0x828u, 1UL)]
    [InlineData(0x832u, 0x8_0000UL)]
    [InlineData(0x838u, 0x1_0000_0000UL)]
    [InlineData(0x83Eu, 0x4UL)]
    [InlineData(0x830u, 0x10_0041UL)]
    public void Reserved_bits_and_read_only_registers_fault(uint index, ulong value) => Assert.False(Bsp.TryWriteMsr(index, value));

    [Fact]
    public void In_xapic_mode_the_msrs_fault() => Assert.False(new ApicMachine(1).Apics[0].TryReadMsr(0x802, out _));

    [Theory]
    [InlineData(0x0000_0100_0000_4041UL, new[] { 2 })]
    [InlineData(0xFFFF_FFFF_0000_4041UL, new[] { 0, 1, 2, 3 })]
    [InlineData(0x0010_0003_0000_4841UL, new[] { 2, 3 })]
    [InlineData(0x000F_C000_0000_4841UL, new[] { 0, 1 })]
    [InlineData(0x0000_00FF_0000_4041UL, new[] { 1 })]
    [InlineData(0x0000_0000_000C_4041UL, new[] { 1, 2, 3 })]
    public void Interprocessor_interrupts_use_32_bit_destinations(ulong command, int[] expected)
    {
        Assert.True(Bsp.TryWriteMsr(0x830, command));
        Assert.Equal(expected, Enumerable.Range(0, 4).Where(i => _machine.Apics[i].AcknowledgeInterrupt() == 0x41));
    }

    [Fact]
    public void The_self_ipi_register_and_eoi()
    {
        Assert.True(Bsp.TryWriteMsr(0x83F, 0x51));
        Assert.Equal(0x51, Bsp.AcknowledgeInterrupt());
        Assert.Equal(0x50UL, Read(0, 0x80A));
        Assert.True(Bsp.TryWriteMsr(0x80B, 0));
        Assert.Equal(0UL, Read(0, 0x80A));
    }

    [Fact]
    public void Two_apics_cannot_share_an_id() =>
        Assert.Throws<ArgumentException>(() => new LocalApic(255, false, _machine.Set, _machine.Clock));

    private ulong Read(int apic, uint index)
    {
        Assert.True(_machine.Apics[apic].TryReadMsr(index, out var value));
        return value;
    }
}
