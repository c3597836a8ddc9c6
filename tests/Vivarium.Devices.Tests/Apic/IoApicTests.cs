using FsCheck;
using FsCheck.Xunit;

namespace Vivarium.Devices.Tests.Apic;

public sealed class IoApicTests
{
    private readonly ApicMachine _machine = new ApicMachine().Enable();

    private LocalApic Bsp => _machine.Apics[0];

    [Fact]
    public void Identification_and_version()
    {
        Assert.Equal(0x0017_0020u, _machine.Read(1));
        _machine.Write(0, 0xFFFF_FFFF);
        Assert.Equal(0x0F00_0000u, _machine.Read(0));
        Assert.Equal(0x0F00_0000u, _machine.Read(2));
        Assert.Equal(0x1_0000UL, _machine.ReadEntry(23));
    }

    [Fact]
    public void An_edge_is_sent_once_to_its_destination()
    {
        _machine.WriteEntry(4, (1UL << 56) | 0x41);
        _machine.IoApic.SetPin(4, true);
        _machine.IoApic.SetPin(4, true);
        Assert.Equal(-1, Bsp.AcknowledgeInterrupt());
        Assert.Equal(0x41, _machine.Apics[1].AcknowledgeInterrupt());
        _machine.Apics[1].WriteRegister(0xB0, 4, 0);
        Assert.False(_machine.Apics[1].HasPendingInterrupt);
    }

    [Fact]
    public void An_edge_at_a_masked_pin_is_lost_but_a_level_waits()
    {
        _machine.WriteEntry(4, 0x1_0041);
        _machine.WriteEntry(5, 0x1_8042);
        _machine.IoApic.SetPin(4, true);
        _machine.IoApic.SetPin(5, true);
        _machine.WriteEntry(4, 0x0041);
        _machine.WriteEntry(5, 0x8042);
        Assert.Equal(0x42, Bsp.AcknowledgeInterrupt());
        Assert.Equal(-1, Bsp.AcknowledgeInterrupt());
    }

    [Fact]
    public void A_level_comes_again_after_the_eoi_while_it_lasts()
    {
        _machine.WriteEntry(10, 0x8050);
        _machine.IoApic.SetPin(10, true);
        Assert.Equal(0xC050UL, _machine.ReadEntry(10));
        Assert.Equal(0x50, Bsp.AcknowledgeInterrupt());
        Bsp.WriteRegister(0xB0, 4, 0);
        Assert.Equal(0x50, Bsp.AcknowledgeInterrupt());
        _machine.IoApic.SetPin(10, false);
        Bsp.WriteRegister(0xB0, 4, 0);
        Assert.Equal(0x8050UL, _machine.ReadEntry(10));
        Assert.False(Bsp.HasPendingInterrupt);
    }

    [Fact]
    public void Turning_an_entry_to_edge_clears_the_remote_irr()
    {
        _machine.WriteEntry(10, 0x8050);
        _machine.IoApic.SetPin(10, true);
        _machine.WriteEntry(10, 0x1_0050);
        _machine.WriteEntry(10, 0x1_8050);
        Assert.Equal(0x1_8050UL, _machine.ReadEntry(10));
    }

    [Fact]
    public void The_eoi_register_ends_a_level()
    {
        _machine.WriteEntry(10, 0x8050);
        _machine.IoApic.SetPin(10, true);
        _machine.IoApic.SetPin(10, false);
        Assert.Equal(IoResult.Ok, _machine.IoApic.WriteMmio(0x40, 4, 0x50));
        Assert.Equal(0x8050UL, _machine.ReadEntry(10));
    }

    [Fact]
    public void Logical_and_lowest_priority_entries_reach_one_of_their_group()
    {
        _machine.Apics[0].WriteRegister(0xD0, 4, 0x0100_0000);
        _machine.Apics[1].WriteRegister(0xD0, 4, 0x0200_0000);
        _machine.Apics[0].TaskPriorityClass = 5;
        _machine.WriteEntry(6, (3UL << 56) | 0x0961);
        _machine.IoApic.SetPin(6, true);
        Assert.Equal(0x61, _machine.Apics[1].AcknowledgeInterrupt());
        Assert.Equal(-1, _machine.Apics[0].AcknowledgeInterrupt());
    }

    [Fact]
    public void An_nmi_entry_needs_no_eoi_even_if_level_triggered()
    {
        _machine.WriteEntry(3, 0x8400);
        _machine.IoApic.SetPin(3, true);
        _machine.IoApic.SetPin(3, false);
        _machine.IoApic.SetPin(3, true);
        Assert.Equal(2, _machine.Vcpus[0].Nmis);
    }

    [Theory]
    [InlineData(0x10UL, 2, IoResult.BadSize)]
    [InlineData(0x10UL, 8, IoResult.BadSize)]
    [InlineData(0x20UL, 4, IoResult.NoRegister)]
    [InlineData(0x00UL, 1, IoResult.Ok)]
    public void Each_width_has_a_defined_answer(ulong offset, int sizeBytes, IoResult expected)
    {
        Assert.Equal(expected, _machine.IoApic.ReadMmio(offset, sizeBytes, out _));
        Assert.Equal(expected, _machine.IoApic.WriteMmio(offset, sizeBytes, 0));
    }

    [Property]
    public void A_restored_ioapic_is_the_same(ushort[] registers, DoNotSize<uint>[] values, bool[] pins)
    {
        foreach (var (register, value) in registers.Zip(values))
        {
            _machine.Write(register % 0x50, value.Item);
        }

        for (var i = 0; i < Math.Min(pins.Length, 24); i++)
        {
            _machine.IoApic.SetPin(i, pins[i]);
        }

        var other = new ApicMachine().Enable();
        Fakes.StateCopy.CopyStateTo(_machine.IoApic, other.IoApic);
        for (var i = 0; i < 24; i++)
        {
            Assert.Equal(_machine.ReadEntry(i), other.ReadEntry(i));
        }
    }

    [Property]
    public void No_access_sequence_throws((DoNotSize<ushort> Offset, byte Size, DoNotSize<uint> Value, byte Pin)[] steps)
    {
        foreach (var (offsetSeed, size, valueSeed, pin) in steps)
        {
            var (offset, value) = (offsetSeed.Item, valueSeed.Item);
            _machine.IoApic.WriteMmio(size % 3 == 0 ? (ulong)offset : size % 3 == 1 ? 0UL : 0x10UL, 1 << (size % 4), value);
            _machine.IoApic.ReadMmio(offset, 1 << (size % 4), out _);
            _machine.IoApic.WriteMmio(0, 4, value % 0x48);
            _machine.IoApic.WriteMmio(0x10, 4, value);
            _machine.IoApic.SetPin(pin % 24, (pin & 0x80) != 0);
        }
    }
}
