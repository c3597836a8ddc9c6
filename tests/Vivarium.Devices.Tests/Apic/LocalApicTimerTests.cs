using FsCheck;
using FsCheck.Xunit;
using Vivarium.Devices.Tests.Fakes;

namespace Vivarium.Devices.Tests.Apic;

public sealed class LocalApicTimerTests
{
    private const uint LvtTimer = 0x320;
    private const uint Initial = 0x380;
    private const uint Current = 0x390;
    private const uint Divide = 0x3E0;
    private const uint TscDeadline = 0x6E0;

    private readonly ApicMachine _machine = new ApicMachine(1).Enable();

    private LocalApic Apic => _machine.Apics[0];

    [Theory]
    [InlineData(0xBu, 1)]
    [InlineData(0x0u, 2)]
    [InlineData(0x3u, 16)]
    [InlineData(0x8u, 32)]
    [InlineData(0xAu, 128)]
    public void One_shot_counts_the_bus_clock_down(uint divide, int divisor)
    {
        Apic.WriteRegister(Divide, 4, divide);
        Apic.WriteRegister(LvtTimer, 4, 0x40);
        Apic.WriteRegister(Initial, 4, 1000);
        _machine.Clock.Advance(400 * divisor);
        Assert.Equal(600u, Apic.ReadRegister(Current, 4));
        _machine.Clock.Advance(600 * divisor - 1);
        Assert.Equal(-1, Apic.AcknowledgeInterrupt());
        _machine.Clock.Advance(1);
        Assert.Equal(0x40, Apic.AcknowledgeInterrupt());
        Assert.Equal(0u, Apic.ReadRegister(Current, 4));
        _machine.Clock.Advance(1_000_000);
        Apic.WriteRegister(0xB0, 4, 0);
        Assert.Equal(-1, Apic.AcknowledgeInterrupt());
    }

    /// <summary>The guest sees the count at zero before the host's timer fires: a count that is over does not begin again by a change to periodic mode.</summary>
    [Fact]
    public void A_count_that_is_over_stays_over_in_another_mode()
    {
        Start(0x40, 1000);
        _machine.Clock.Delay(1500);
        Assert.Equal(0u, Apic.ReadRegister(Current, 4));
        Apic.WriteRegister(LvtTimer, 4, 0x2_0041);
        Assert.Equal(0u, Apic.ReadRegister(Current, 4));
        Assert.Equal(0x40, TakeAndEnd());
        _machine.Clock.Advance(10_000);
        Assert.Equal(-1, TakeAndEnd());
    }

    [Fact]
    public void Periodic_interrupts_repeat_and_keep_their_phase_over_missed_ones()
    {
        Start(0x2_0040, 1_000_000);
        for (var i = 0; i < 5; i++)
        {
            _machine.Clock.Advance(1_000_000);
            Assert.Equal(0x40, TakeAndEnd());
        }

        _machine.Clock.Jump(3_500_000);
        Assert.Equal(0x40, TakeAndEnd());
        Assert.Equal(-1, TakeAndEnd());
        Assert.Equal(500_000u, Apic.ReadRegister(Current, 4));
        _machine.Clock.Advance(500_000);
        Assert.Equal(0x40, TakeAndEnd());
    }

    [Fact]
    public void A_guest_cannot_make_a_storm_of_timers()
    {
        Start(0x2_0040, 1);
        _machine.Clock.Advance(100_000_000);
        Assert.InRange(_machine.Clock.FiredCount, 1, 2_001);
    }

    [Fact]
    public void A_masked_timer_runs_silently_and_a_zero_count_stops_it()
    {
        Start(0x1_0040, 1000);
        _machine.Clock.Advance(2000);
        Assert.Equal(-1, Apic.AcknowledgeInterrupt());
        Start(0x40, 1000);
        Apic.WriteRegister(Initial, 4, 0);
        _machine.Clock.Advance(2000);
        Assert.Equal(-1, Apic.AcknowledgeInterrupt());
    }

    [Fact]
    public void Changing_the_divisor_keeps_what_is_left()
    {
        Start(0x40, 1000);
        _machine.Clock.Advance(250);
        Apic.WriteRegister(Divide, 4, 0x0);
        Assert.Equal(750u, Apic.ReadRegister(Current, 4));
        _machine.Clock.Advance(1499);
        Assert.False(Apic.HasPendingInterrupt);
        _machine.Clock.Advance(1);
        Assert.True(Apic.HasPendingInterrupt);
    }

    [Fact]
    public void The_tsc_deadline_fires_once_and_reads_back_until_then()
    {
        Apic.WriteRegister(LvtTimer, 4, 0x4_0040);
        var deadline = _machine.Vcpus[0].TscAt(_machine.Clock.NowNs) + 2_000_001;
        Assert.True(Apic.TryWriteMsr(TscDeadline, deadline));
        _machine.Clock.Advance(1_000_000);
        Assert.True(Apic.TryReadMsr(TscDeadline, out var armed));
        Assert.Equal(deadline, armed);
        Assert.False(Apic.HasPendingInterrupt);
        _machine.Clock.Advance(1);
        Assert.Equal(0x40, TakeAndEnd());
        Assert.True(Apic.TryReadMsr(TscDeadline, out armed));
        Assert.Equal(0UL, armed);
    }

    [Fact]
    public void A_deadline_in_the_past_fires_at_once_and_zero_disarms()
    {
        _machine.Clock.Advance(1_000_000);
        Apic.WriteRegister(LvtTimer, 4, 0x4_0040);
        Apic.TryWriteMsr(TscDeadline, 1);
        Assert.Equal(0x40, TakeAndEnd());
        Assert.True(Apic.TryReadMsr(TscDeadline, out var armed));
        Assert.Equal(0UL, armed);
        Apic.TryWriteMsr(TscDeadline, 100_000_000);
        Apic.TryWriteMsr(TscDeadline, 0);
        _machine.Clock.Advance(1_000_000_000);
        Assert.Equal(-1, Apic.AcknowledgeInterrupt());
    }

    [Fact]
    public void Setting_the_tsc_moves_the_deadline()
    {
        Apic.WriteRegister(LvtTimer, 4, 0x4_0040);
        Apic.TryWriteMsr(TscDeadline, 2_000_000);
        _machine.Vcpus[0].TscOffset = 1_000_000;
        Apic.OnTscChanged();
        _machine.Clock.Advance(500_000);
        Assert.True(Apic.HasPendingInterrupt);
    }

    [Fact]
    public void Outside_deadline_mode_the_msr_is_ignored_and_a_mode_change_disarms()
    {
        Start(0x40, 1000);
        Apic.TryWriteMsr(TscDeadline, 1);
        Assert.True(Apic.TryReadMsr(TscDeadline, out var value));
        Assert.Equal(0UL, value);
        Apic.WriteRegister(LvtTimer, 4, 0x4_0040);
        _machine.Clock.Advance(10_000);
        Assert.False(Apic.HasPendingInterrupt);
        Apic.WriteRegister(Initial, 4, 1000);
        Assert.Equal(0u, Apic.ReadRegister(Initial, 4));
    }

    [Property]
    public void A_restored_apic_answers_as_the_original(
        (byte Register, DoNotSize<uint> Value, ushort PauseNs)[] before, (byte Register, DoNotSize<uint> Value, ushort PauseNs)[] after)
    {
        Run(_machine, before);
        var other = new ApicMachine(1, new FakeClock(_machine.Clock.NowNs));
        Apic.CopyStateTo(other.Apics[0]);
        Assert.Equal(Run(_machine, after), Run(other, after));
        Assert.Equal(Apic.SaveToArray(), other.Apics[0].SaveToArray());
    }

    private static List<uint> Run(ApicMachine machine, (byte Register, DoNotSize<uint> Value, ushort PauseNs)[] steps)
    {
        var answers = new List<uint>();
        var apic = machine.Apics[0];
        foreach (var (register, seed, pauseNs) in steps)
        {
            // Small counts, so that timers expire within the test.
            var value = (register & 1) == 0 ? seed.Item : seed.Item >> 16;
            apic.WriteRegister((uint)(register & 0x3F) << 4, 4, value);
            apic.WriteRegister(0xF0, 4, 0x1FF);
            apic.TryWriteMsr(TscDeadline, value);
            machine.Clock.Advance(pauseNs * 1_000);
            answers.Add(apic.ReadRegister((uint)(register & 0x3F) << 4, 4));
            answers.Add(apic.ReadRegister(Current, 4));
            answers.Add((uint)apic.AcknowledgeInterrupt());
        }

        return answers;
    }

    private void Start(uint lvt, uint initial)
    {
        Apic.WriteRegister(Divide, 4, 0xB);
        Apic.WriteRegister(LvtTimer, 4, lvt);
        Apic.WriteRegister(Initial, 4, initial);
    }

    private int TakeAndEnd()
    {
        var vector = Apic.AcknowledgeInterrupt();
        Apic.WriteRegister(0xB0, 4, 0);
        return vector;
    }
}
