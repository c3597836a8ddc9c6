using FsCheck.Xunit;
using Vivarium.Devices.Tests.Fakes;

namespace Vivarium.Devices.Tests.Interrupts;

public sealed class Pic8259PairTests
{
    private readonly RecordingIrqLine _intr = new();
    private readonly Pic8259Pair _pic;

    public Pic8259PairTests()
    {
        _pic = new Pic8259Pair(_intr);
        Initialize(_pic, icw4: 0x01);
    }

    [Fact]
    public void The_most_urgent_edge_is_delivered_first()
    {
        Pulse(6);
        Pulse(1);
        Assert.True(_intr.Level);
        Assert.Equal(0x31, _pic.Acknowledge());
        Assert.False(_intr.Level);
        _pic.Master.Out(0, 0x20);
        Assert.True(_intr.Level);
        Assert.Equal(0x36, _pic.Acknowledge());
    }

    [Fact]
    public void The_slave_reaches_the_processor_through_pin_2()
    {
        Pulse(12);
        Assert.Equal(0x3C, _pic.Acknowledge());
        Assert.Equal((0x04, 0x10), (InService(_pic.Master), InService(_pic.Slave)));
        Pulse(8);
        Assert.False(_intr.Level);
        _pic.Slave.Out(0, 0x20);
        _pic.Master.Out(0, 0x20);
        Assert.True(_intr.Level);
        Assert.Equal(0x38, _pic.Acknowledge());
    }

    [Fact]
    public void Special_fully_nested_mode_lets_the_slave_interrupt_itself()
    {
        Initialize(_pic, icw4: 0x11);
        Pulse(12);
        Assert.Equal(0x3C, _pic.Acknowledge());
        Pulse(8);
        Assert.True(_intr.Level);
        Assert.Equal(0x38, _pic.Acknowledge());
    }

    [Fact]
    public void A_masked_request_waits()
    {
        _pic.Master.Out(1, 0x08);
        Pulse(3);
        Assert.False(_intr.Level);
        Assert.Equal(0x08, _pic.Master.In(0));
        _pic.Master.Out(1, 0x00);
        Assert.True(_intr.Level);
    }

    [Fact]
    public void A_level_that_drops_before_the_acknowledge_is_spurious()
    {
        _pic.EdgeLevelPorts.Out(0, 0x20);
        _pic.EdgeLevelPorts.Out(1, 0x02);
        _pic.SetPin(5, true);
        Assert.True(_intr.Level);
        _pic.SetPin(5, false);
        Assert.False(_intr.Level);
        Assert.Equal(0x37, _pic.Acknowledge());
        Assert.Equal(0, InService(_pic.Master));
    }

    [Fact]
    public void A_level_stays_requested_until_it_falls()
    {
        _pic.EdgeLevelPorts.Out(0, 0x20);
        _pic.SetPin(5, true);
        Assert.Equal(0x35, _pic.Acknowledge());
        _pic.Master.Out(0, 0x20);
        Assert.True(_intr.Level);
        Assert.Equal(0x35, _pic.Acknowledge());
        _pic.SetPin(5, false);
        _pic.Master.Out(0, 0x65);
        Assert.False(_intr.Level);
    }

    [Fact]
    public void Only_pins_that_can_be_level_triggered_take_the_bit()
    {
        _pic.EdgeLevelPorts.Out(0, 0xFF);
        _pic.EdgeLevelPorts.Out(1, 0xFF);
        Assert.Equal((0xF8, 0xDE), (_pic.EdgeLevelPorts.In(0), _pic.EdgeLevelPorts.In(1)));
    }

    [Fact]
    public void Automatic_end_of_interrupt_leaves_nothing_in_service()
    {
        Initialize(_pic, icw4: 0x03);
        Pulse(4);
        Assert.Equal(0x34, _pic.Acknowledge());
        Assert.Equal(0, InService(_pic.Master));
    }

    [Fact]
    public void Rotation_on_eoi_makes_the_served_pin_the_least_urgent()
    {
        Pulse(4);
        _pic.Acknowledge();
        _pic.Master.Out(0, 0xA0);
        Pulse(4);
        Pulse(5);
        Assert.Equal(0x35, _pic.Acknowledge());
    }

    [Fact]
    public void Set_priority_names_the_least_urgent_pin()
    {
        _pic.Master.Out(0, 0xC5);
        Pulse(0);
        Pulse(6);
        Assert.Equal(0x36, _pic.Acknowledge());
    }

    [Fact]
    public void Special_mask_mode_lets_less_urgent_pins_through()
    {
        Pulse(1);
        _pic.Acknowledge();
        Pulse(5);
        Assert.False(_intr.Level);
        _pic.Master.Out(1, 0x02);
        _pic.Master.Out(0, 0x68);
        Assert.True(_intr.Level);
        Assert.Equal(0x35, _pic.Acknowledge());
        _pic.Master.Out(0, 0x20);
        Assert.Equal(0x02, InService(_pic.Master));
        _pic.Master.Out(0, 0x61);
        Assert.Equal(0x00, InService(_pic.Master));
    }

    [Fact]
    public void Polling_acknowledges()
    {
        Pulse(3);
        _pic.Master.Out(0, 0x0C);
        Assert.Equal(0x83, _pic.Master.In(0));
        Assert.Equal(0x08, InService(_pic.Master));
        _pic.Master.Out(0, 0x0C);
        Assert.Equal(0x00, _pic.Master.In(0));
    }

    [Fact]
    public void Initialization_without_icw4_or_cascade_takes_fewer_words()
    {
        _pic.Master.Out(0, 0x12);
        _pic.Master.Out(1, 0x50);
        _pic.Master.Out(1, 0xFB);
        Assert.Equal(0xFB, _pic.Master.In(1));
    }

    [Fact]
    public void Wide_accesses_are_left_to_the_bus()
    {
        Assert.Equal(IoResult.BadSize, _pic.Master.WritePort(0, 2, 0));
        Assert.Equal(IoResult.BadSize, _pic.Master.ReadPort(0, 2, out _));
        Assert.Equal(IoResult.NoRegister, _pic.Master.ReadPort(2, 1, out _));
    }

    [Property]
    public void A_restored_pair_answers_as_the_original(int[] before, bool[] pins, int[] after) =>
        PortScript.AssertStateRoundTrip(before, after, (_, irq) =>
        {
            var pic = new Pic8259Pair(irq);
            Initialize(pic, 0x01);
            for (var i = 0; i < Math.Min(pins.Length, 16); i++)
            {
                pic.SetPin(i, pins[i]);
            }

            return (pic, [pic.Master, pic.Slave, pic.EdgeLevelPorts]);
        });

    [Property]
    public void No_access_sequence_throws_and_vectors_stay_in_range(int[] steps, byte[] pins)
    {
        var clock = new FakeClock();
        foreach (var pin in pins)
        {
            PortScript.Run(steps.Select(s => s + pin), clock, _pic.Master, _pic.Slave, _pic.EdgeLevelPorts);
            _pic.SetPin(pin & 15, (pin & 16) != 0);
            Assert.InRange(_pic.Acknowledge(), 0, 255);
        }
    }

    private static void Initialize(Pic8259Pair pic, int icw4)
    {
        foreach (var (chip, icw2, icw3) in new[] { (pic.Master, 0x30, 0x04), (pic.Slave, 0x38, 0x02) })
        {
            chip.Out(0, 0x11);
            chip.Out(1, icw2);
            chip.Out(1, icw3);
            chip.Out(1, icw4);
            chip.Out(1, 0x00);
        }
    }

    private static byte InService(Pic8259 chip)
    {
        chip.Out(0, 0x0B);
        var value = chip.In(0);
        chip.Out(0, 0x0A);
        return value;
    }

    private void Pulse(int pin)
    {
        _pic.SetPin(pin, true);
        _pic.SetPin(pin, false);
    }
}
