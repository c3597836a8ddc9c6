using FsCheck.Xunit;
using Vivarium.Devices.Tests.Fakes;

namespace Vivarium.Devices.Tests.Timers;

public sealed class Pit8254Tests
{
    private const int Control = 3;

    private readonly FakeClock _clock = new();
    private readonly RecordingIrqLine _irq = new();
    private readonly Pit8254 _pit;

    public Pit8254Tests() => _pit = new Pit8254(_irq, _clock);

    [Fact]
    public void A_rate_generator_interrupts_once_a_period()
    {
        Program(0, 0x34, 11932);
        _clock.Advance(1_000_000_000);
        Assert.InRange(_irq.Rises, 99, 101);
    }

    [Theory]
    [InlineData(0x30)]
    [InlineData(0x38)]
    public void An_interrupt_that_comes_once_is_not_lost_on_a_host_that_is_held_up(int control)
    {
        _pit.Out(Control, control);
        for (var i = 0; i < 100; i++)
        {
            // Ten milliseconds pass between any two looks at the clock, a hundred times the count.
            _clock.HoldUpNs = 10_000_000;
            var before = _irq.Rises;
            _pit.Out(0, 119);
            _pit.Out(0, 0);
            _clock.HoldUpNs = 0;
            _clock.Advance(1_000_000);
            Assert.True(_irq.Rises > before, $"interrupt {i} was lost");
        }
    }

    [Fact]
    public void A_square_wave_interrupts_once_a_period_and_is_high_for_half()
    {
        Program(2, 0xB6, 1000);
        _pit.PortB.Out(0, 1);
        var high = 0;
        for (var i = 0; i < 1000; i++)
        {
            high += (_pit.PortB.In(0) & 0x20) != 0 ? 1 : 0;
            AdvanceTicks(1);
        }

        Assert.InRange(high, 498, 502);
    }

    [Fact]
    public void Terminal_count_interrupts_once()
    {
        Program(0, 0x30, 1000);
        Assert.False(_irq.Level);
        var before = _irq.Rises;
        AdvanceTicks(998);
        Assert.Equal(before, _irq.Rises);
        AdvanceTicks(4);
        Assert.Equal(before + 1, _irq.Rises);
        AdvanceTicks(200_000);
        Assert.Equal(before + 1, _irq.Rises);
        Assert.True(_irq.Level);
    }

    [Fact]
    public void Terminal_count_restarts_with_a_new_count_and_stops_at_its_first_byte()
    {
        Program(0, 0x30, 1000);
        AdvanceTicks(2000);
        _pit.Out(0, 0x10);
        Assert.False(_irq.Level);
        var before = _irq.Rises;
        AdvanceTicks(100_000);
        Assert.Equal(before, _irq.Rises);
        _pit.Out(0, 0x00);
        AdvanceTicks(20);
        Assert.Equal(before + 1, _irq.Rises);
    }

    [Fact]
    public void A_software_strobe_interrupts_one_clock_after_the_count()
    {
        Program(0, 0x38, 500);
        Assert.True(_irq.Level);
        var before = _irq.Rises;
        AdvanceTicks(499);
        Assert.Equal(before, _irq.Rises);
        AdvanceTicks(5);
        Assert.Equal(before + 1, _irq.Rises);
    }

    [Fact]
    public void A_one_shot_starts_with_the_gate_and_can_be_retriggered()
    {
        Program(2, 0xB2, 100);
        AdvanceTicks(500);
        Assert.True(Output2());
        _pit.PortB.Out(0, 1);
        AdvanceTicks(60);
        Assert.False(Output2());
        _pit.PortB.Out(0, 0);
        _pit.PortB.Out(0, 1);
        AdvanceTicks(60);
        Assert.False(Output2());
        AdvanceTicks(60);
        Assert.True(Output2());
    }

    [Fact]
    public void A_hardware_strobe_pulses_after_the_gate_rose()
    {
        Program(2, 0xBA, 50);
        _pit.PortB.Out(0, 1);
        AdvanceTicks(51);
        Assert.False(Output2());
        AdvanceTicks(1);
        Assert.True(Output2());
    }

    [Fact]
    public void A_low_gate_stops_the_count_and_the_calibration_loop_of_kernels_works()
    {
        _pit.PortB.Out(0, 0);
        Program(2, 0xB0, 11932);
        AdvanceTicks(50_000);
        Assert.False(Output2());
        _pit.PortB.Out(0, 1);
        AdvanceTicks(11_930);
        Assert.False(Output2());
        AdvanceTicks(4);
        Assert.True(Output2());
    }

    [Fact]
    public void Counts_are_latched_low_byte_first()
    {
        Program(0, 0x34, 0x8000);
        AdvanceTicks(0x101);
        _pit.Out(Control, 0x00);
        AdvanceTicks(0x1000);
        var low = _pit.In(0);
        var count = low | (_pit.In(0) << 8);
        Assert.Equal(0x7F00, count);
        low = _pit.In(0);
        Assert.InRange(low | (_pit.In(0) << 8), 0x6EF0, 0x6F00);
    }

    [Fact]
    public void Read_back_latches_status_before_count()
    {
        Program(0, 0x34, 0x1234);
        _pit.Out(Control, 0xE2);
        Assert.Equal(0xF4, _pit.In(0));
        AdvanceTicks(2);
        _pit.Out(Control, 0xC2);
        Assert.Equal(0xB4, _pit.In(0));
        Assert.Equal(0x33, _pit.In(0));
        Assert.Equal(0x12, _pit.In(0));
    }

    [Fact]
    public void Bcd_counts_down_in_decimal()
    {
        Program(0, 0x31, 0x1000);
        AdvanceTicks(2);
        _pit.Out(Control, 0x00);
        Assert.Equal(0x99, _pit.In(0));
        Assert.Equal(0x09, _pit.In(0));
    }

    [Fact]
    public void A_new_count_of_a_rate_generator_waits_for_the_period_to_end()
    {
        Program(0, 0x34, 1000);
        AdvanceTicks(10);
        var before = _irq.Rises;
        Load(0, 5000);
        AdvanceTicks(1000);
        Assert.Equal(before + 1, _irq.Rises);
        AdvanceTicks(4900);
        Assert.Equal(before + 1, _irq.Rises);
        AdvanceTicks(200);
        Assert.Equal(before + 2, _irq.Rises);
    }

    [Fact]
    public void Missed_periods_give_one_interrupt_and_the_phase_is_kept()
    {
        Program(0, 0x34, 11932);
        var before = _irq.Rises;
        _clock.Jump(95_000_000);
        Assert.Equal(before + 1, _irq.Rises);
        _clock.Advance(5_100_000);
        Assert.Equal(before + 2, _irq.Rises);
    }

    [Theory]
    [InlineData(0x14, 1)]
    [InlineData(0x14, 2)]
    [InlineData(0x16, 1)]
    [InlineData(0x16, 2)]
    public void A_guest_cannot_make_a_storm_of_timers(int control, byte count)
    {
        _pit.Out(Control, control);
        _pit.Out(0, count);
        _clock.Advance(100_000_000);
        Assert.InRange(_clock.FiredCount, 0, 4_100);
    }

    [Fact]
    public void The_refresh_bit_toggles()
    {
        var seen = new HashSet<int>();
        for (var i = 0; i < 4; i++)
        {
            seen.Add(_pit.PortB.In(0) & 0x10);
            _clock.Advance(15_100);
        }

        Assert.Equal(2, seen.Count);
    }

    [Property]
    public void A_restored_timer_answers_as_the_original(int[] before, int[] after) =>
        PortScript.AssertStateRoundTrip(before, after, (clock, irq) =>
        {
            var pit = new Pit8254(irq, clock);
            return (pit, [pit, pit.PortB]);
        });

    [Property]
    public void No_access_sequence_throws(int[] steps) => PortScript.Run(steps, _clock, _pit, _pit, _pit.PortB);

    private bool Output2() => (_pit.PortB.In(0) & 0x20) != 0;

    private void Program(int channel, int control, int count)
    {
        _pit.Out(Control, control);
        Load(channel, count);
    }

    private void Load(int channel, int count)
    {
        _pit.Out(channel, count & 0xFF);
        _pit.Out(channel, count >> 8);
    }

    /// <summary>Moves on to just after the clock edge that many ticks ahead.</summary>
    private void AdvanceTicks(long ticks)
    {
        var oscillator = new Frequency(Pit8254.FrequencyHz);
        _clock.Advance(oscillator.NsAt(oscillator.TicksAt(_clock.NowNs) + ticks) - _clock.NowNs);
    }
}
