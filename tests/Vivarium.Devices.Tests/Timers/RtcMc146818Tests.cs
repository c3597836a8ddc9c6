using FsCheck.Xunit;
using Vivarium.Devices.Tests.Fakes;

namespace Vivarium.Devices.Tests.Timers;

public sealed class RtcMc146818Tests
{
    private const long Second = 1_000_000_000;

    // 2023-11-14 22:13:20 UTC, a Tuesday.
    private readonly FakeClock _clock = new();
    private readonly RecordingIrqLine _irq = new();
    private readonly RtcMc146818 _rtc;

    public RtcMc146818Tests() => _rtc = new RtcMc146818(_irq, _clock);

    [Fact]
    public void The_time_is_the_wall_clocks_in_bcd()
    {
        Assert.Equal([0x20, 0x13, 0x22, 0x03, 0x14, 0x11, 0x23, 0x20], Calendar());
        _clock.Advance(2 * 3600 * Second);
        Assert.Equal([0x20, 0x13, 0x00, 0x04, 0x15, 0x11, 0x23, 0x20], Calendar());
        Assert.Equal(0x80, Read(0x0D));
    }

    [Fact]
    public void After_a_pause_it_shows_the_wall_clock_again_and_an_alarm_of_that_time_is_due()
    {
        // The alarm is a minute away, the pause takes an hour.
        Write(1, 0x20);
        Write(3, 0x14);
        Write(5, 0x22);
        Write(0x0B, 0x22);
        Assert.False(_irq.Level);
        _clock.WallClockBaseNs += 3600 * Second;
        _rtc.Start();
        Assert.Equal(0x23, Read(4));
        Assert.True(_irq.Level);
        Assert.Equal(0xA0, Read(0x0C) & 0xA0);
    }

    [Fact]
    public void Binary_and_12_hours_change_the_presentation()
    {
        Write(0x0B, 0x04);
        Assert.Equal(0x80 | 10, Read(4));
        Assert.Equal(23, Read(9));
        Write(0x0B, 0x00);
        Assert.Equal(0x90, Read(4));
        _clock.Advance(2 * 3600 * Second);
        Assert.Equal(0x12, Read(4));
    }

    [Theory]
    [InlineData(0x02, 0x23, 23)]
    [InlineData(0x00, 0x92, 12)]
    [InlineData(0x00, 0x12, 0)]
    [InlineData(0x04, 0x8B, 23)]
    public void The_guest_sets_the_time_in_its_format(int format, int hourRegister, int hour)
    {
        Write(0x0B, 0x80 | format);
        var binary = (format & 4) != 0;
        Write(0, binary ? 30 : 0x30);
        Write(2, binary ? 45 : 0x45);
        Write(4, hourRegister);
        Write(7, 1);
        Write(8, 1);
        Write(9, binary ? 30 : 0x30);
        Write(0x0B, 0x06);
        Assert.Equal([30, 45, (byte)hour, 3, 1, 1, 30, 20], Calendar());
        _clock.Advance(30 * Second);
        Assert.Equal(46, Read(2));
    }

    [Fact]
    public void While_set_the_time_stands_still_and_keeps_what_is_written()
    {
        Write(0x0B, 0x82);
        Write(0, 0x59);
        _clock.Advance(10 * Second);
        Assert.Equal(0x59, Read(0));
        Assert.Equal(0, Read(0x0A) & 0x80);
    }

    [Fact]
    public void The_first_update_comes_half_a_second_after_the_divider_reset()
    {
        Write(0x0A, 0x76);
        _clock.Advance(10 * Second);
        Assert.Equal(0x20, Read(0));
        Write(0x0A, 0x26);
        _clock.Advance(499_000_000);
        Assert.Equal(0x20, Read(0));
        _clock.Advance(2_000_000);
        Assert.Equal(0x21, Read(0));
    }

    [Fact]
    public void Update_in_progress_warns_before_the_second_changes()
    {
        Assert.Equal(0x26, Read(0x0A));
        _clock.Advance(Second - 200_000);
        Assert.Equal(0xA6, Read(0x0A));
        _clock.Advance(200_000);
        Assert.Equal(0x26, Read(0x0A));
    }

    [Fact]
    public void Update_interrupts_come_each_second_once_acknowledged()
    {
        Write(0x0B, 0x12);
        _clock.Advance(3 * Second);
        Assert.Equal(1, _irq.Rises);
        Assert.Equal(0x90, Read(0x0C) & 0xB0);
        Assert.False(_irq.Level);
        Assert.Equal(0x00, Read(0x0C));
        _clock.Advance(Second);
        Assert.Equal(2, _irq.Rises);
    }

    [Theory]
    [InlineData(0x25, 0x13, 0x22, 5)]
    [InlineData(0x00, 0x14, 0x22, 40)]
    [InlineData(0xFF, 0x14, 0x22, 40)]
    [InlineData(0x20, 0x13, 0x22, 86_400)]
    [InlineData(0xC0, 0xC0, 0xC0, 1)]
    [InlineData(0x30, 0xFF, 0xFF, 10)]
    public void The_alarm_fires_when_all_parts_match(int second, int minute, int hour, int expectedSeconds)
    {
        Write(1, second);
        Write(3, minute);
        Write(5, hour);
        Write(0x0B, 0x22);
        _clock.Advance(expectedSeconds * Second - 1);
        Assert.False(_irq.Level);
        _clock.Advance(1);
        Assert.True(_irq.Level);
        Assert.Equal(0xB0, Read(0x0C) & 0xB0);
    }

    [Theory]
    [InlineData(0x26, 1024)]
    [InlineData(0x2F, 2)]
    [InlineData(0x21, 256)]
    [InlineData(0x23, 8192)]
    [InlineData(0x20, 0)]
    public void Periodic_interrupts_come_at_the_chosen_rate(int registerA, int expectedRate)
    {
        Write(0x0A, registerA);
        Write(0x0B, 0x42);
        var count = 0;
        for (var i = 0; i < 20_000; i++)
        {
            _clock.Advance(Second / 20_000);
            count += (Read(0x0C) & 0x40) != 0 ? 1 : 0;
        }

        Assert.Equal(expectedRate, count);
    }

    [Fact]
    public void Flags_are_set_without_interrupts_and_no_timer_runs()
    {
        _clock.Advance(Second);
        Assert.Equal(0, _clock.FiredCount);
        Assert.Equal(0x50, Read(0x0C));
        Assert.Equal(0, _irq.Rises);
    }

    [Fact]
    public void Nmi_mask_and_index_share_the_port()
    {
        _rtc.Out(0, 0x8E);
        Assert.True(_rtc.IsNmiMasked);
        _rtc.Out(1, 0x55);
        Assert.Equal(0x55, Read(0x0E));
        Assert.False(_rtc.IsNmiMasked);
        Assert.Equal(0xFF, _rtc.In(0));
    }

    [Fact]
    public void Memory_sizes_stand_where_firmware_looks()
    {
        _rtc.SetMemorySize(512UL << 20, 2UL << 30);
        Assert.Equal((0x80, 0x02), (Read(0x15), Read(0x16)));
        Assert.Equal((0xFF, 0xFF), (Read(0x17), Read(0x18)));
        Assert.Equal(0x1F00, Read(0x34) | (Read(0x35) << 8));
        Assert.Equal(0x8000, Read(0x5B) | (Read(0x5C) << 8));
        Assert.Throws<ArgumentOutOfRangeException>(() => _rtc.SetCmos(4, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => _rtc.SetCmos(128, 0));
    }

    [Fact]
    public void A_reset_keeps_time_and_memory_but_drops_interrupts()
    {
        Write(0x40, 0x77);
        Write(0x0B, 0x12);
        _clock.Advance(Second);
        _rtc.Reset();
        Assert.False(_irq.Level);
        Assert.Equal((0x77, 0x02, 0x21), (Read(0x40), Read(0x0B), Read(0)));
    }

    [Property]
    public void A_restored_clock_answers_as_the_original(int[] before, int[] after) =>
        PortScript.AssertStateRoundTrip(before, after, (clock, irq) =>
        {
            var rtc = new RtcMc146818(irq, clock);
            return (rtc, [rtc, new IndexedRtc(rtc)]);
        });

    [Property]
    public void No_access_sequence_throws(int[] steps) => PortScript.Run(steps, _clock, _rtc, new IndexedRtc(_rtc));

    private byte[] Calendar() => [Read(0), Read(2), Read(4), Read(6), Read(7), Read(8), Read(9), Read(0x32)];

    private byte Read(int index)
    {
        _rtc.Out(0, index);
        return _rtc.In(1);
    }

    private void Write(int index, int value)
    {
        _rtc.Out(0, index);
        _rtc.Out(1, value);
    }

    /// <summary>Makes random programs hit registers: the offset is the register.</summary>
    private sealed class IndexedRtc(RtcMc146818 rtc) : IPortDevice
    {
        public IoResult ReadPort(ushort offset, int sizeBytes, out uint value)
        {
            rtc.WritePort(0, 1, Index(offset));
            return rtc.ReadPort(1, 1, out value);
        }

        public IoResult WritePort(ushort offset, int sizeBytes, uint value)
        {
            rtc.WritePort(0, 1, Index(offset));
            return rtc.WritePort(1, 1, (byte)value);
        }

        private static uint Index(ushort offset) => offset < 14 ? offset : 0x32u;
    }
}
