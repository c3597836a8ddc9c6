using FsCheck.Xunit;
using Vivarium.Devices.Tests.Fakes;

namespace Vivarium.Devices.Tests.Acpi;

public sealed class AcpiPowerManagementTests
{
    private readonly FakeClock _clock = new();
    private readonly RecordingIrqLine _sci = new();
    private readonly FakePower _power = new();
    private readonly AcpiPowerManagement _pm;

    public AcpiPowerManagementTests() => _pm = new AcpiPowerManagement(_sci, _clock, _power);

    [Fact]
    public void The_timer_counts_at_3_579545_mhz()
    {
        _clock.Advance(1_000_000_000);
        Assert.Equal(3_579_545u, _pm.TryIn(8, 4));
        Assert.Equal(3_579_545u >> 8 & 0xFF, _pm.TryIn(9, 1));
    }

    [Fact]
    public void A_24_bit_timer_wraps_and_interrupts_when_its_top_bit_changes()
    {
        var pm = new AcpiPowerManagement(_sci, _clock, _power, isTimer32Bits: false);
        pm.WritePort(2, 2, 0x0001);
        _clock.Advance(2_400_000_000);
        Assert.True(_sci.Level);
        Assert.Equal(1u, pm.TryIn(0, 2));
        pm.WritePort(0, 2, 0x0001);
        Assert.False(_sci.Level);
        _clock.Advance(2_400_000_000);
        Assert.True(_sci.Level);
        Assert.InRange(pm.TryIn(8, 4), 0u, 0xFF_FFFFu);
    }

    [Fact]
    public void Soft_off_needs_the_sleep_type_and_the_enable()
    {
        _pm.WritePort(4, 2, 5 << 10);
        Assert.Equal(0, _power.PowerOffs);
        _pm.WritePort(4, 2, 0x2000 | (3 << 10));
        Assert.Equal(0, _power.PowerOffs);
        _pm.WritePort(4, 2, 0x2000 | (5 << 10));
        Assert.Equal(1, _power.PowerOffs);
        Assert.Equal((5u << 10) | 1, _pm.TryIn(4, 2));
    }

    [Fact]
    public void The_power_button_interrupts_if_enabled_and_is_cleared_by_writing_one()
    {
        _pm.PressPowerButton();
        Assert.False(_sci.Level);
        _pm.WritePort(2, 2, 0x0100);
        Assert.True(_sci.Level);
        _pm.WritePort(1, 1, 0x01);
        Assert.False(_sci.Level);
        Assert.Equal(0u, _pm.TryIn(0, 2));
    }

    [Fact]
    public void General_purpose_events()
    {
        _pm.WritePort(14, 2, 0x0002);
        _pm.RaiseGeneralPurposeEvent(1);
        Assert.True(_sci.Level);
        _pm.WritePort(12, 2, 0x0002);
        Assert.False(_sci.Level);
        Assert.Throws<ArgumentOutOfRangeException>(() => _pm.RaiseGeneralPurposeEvent(16));
    }

    [Property]
    public void A_restored_block_answers_as_the_original(int[] before, int[] after) =>
        PortScript.AssertStateRoundTrip(before, after, (clock, irq) =>
        {
            var pm = new AcpiPowerManagement(irq, clock, _power);
            return (pm, [pm]);
        });

    [Property]
    public void No_access_sequence_throws(int[] steps) => PortScript.Run(steps, _clock, _pm);
}
