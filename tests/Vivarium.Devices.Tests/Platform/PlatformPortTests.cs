using FsCheck.Xunit;
using Vivarium.Devices.Tests.Fakes;

namespace Vivarium.Devices.Tests.Platform;

public sealed class PlatformPortTests
{
    private readonly FakePower _power = new();
    private readonly FakeClock _clock = new();

    [Fact]
    public void Port_92_drives_the_a20_gate_and_resets_on_a_rising_edge()
    {
        var port = new SystemControlPortA(_power, _power);
        port.Out(0, 0x02);
        Assert.True(_power.IsOpen);
        Assert.Equal(0x02, port.In(0));
        _power.IsOpen = false;
        Assert.Equal(0x00, port.In(0));
        port.Out(0, 0x03);
        port.Out(0, 0x03);
        Assert.Equal(1, _power.Resets);
    }

    [Theory]
    [InlineData(0x02, 0x06)]
    [InlineData(0x00, 0x04)]
    [InlineData(0x0A, 0x0E)]
    public void Port_cf9_resets_when_bit_2_rises(int first, int second)
    {
        var port = new ResetControlRegister(_power);
        port.Out(0, first);
        Assert.Equal(0, _power.Resets);
        port.Out(0, second);
        Assert.Equal(1, _power.Resets);
        Assert.Equal(second, port.In(0));
    }

    [Theory]
    [InlineData(1, 0x10u)]
    [InlineData(2, 0x1234u)]
    [InlineData(4, 0x12345678u)]
    public void The_debug_exit_port_takes_every_width(int sizeBytes, uint value)
    {
        Assert.Equal(IoResult.Ok, new DebugExitPort(_power).WritePort(0, sizeBytes, value));
        Assert.Equal([value], _power.DebugExits);
    }

    [Fact]
    public void The_debug_console_is_recognised_and_writes()
    {
        var sink = new CollectingSink();
        var console = new DebugConsole(sink);
        Assert.Equal(0xE9, console.In(0));
        console.Out(0, 'o');
        console.Out(0, 'k');
        Assert.Equal("ok", sink.Text);
    }

    [Fact]
    public void A_restored_port_92_remembers_the_reset_bit()
    {
        var port = new SystemControlPortA(_power, _power);
        port.Out(0, 0x41);
        var other = new SystemControlPortA(_power, _power);
        port.CopyStateTo(other);
        Assert.Equal(0x41, other.In(0));
        other.Out(0, 0x01);
        Assert.Equal(1, _power.Resets);
    }

    [Property]
    public void A_restored_reset_register_answers_as_the_original(int[] before, int[] after) =>
        PortScript.AssertStateRoundTrip(before, after, (_, _) =>
        {
            var port = new ResetControlRegister(_power);
            return (port, [port]);
        });

    [Property]
    public void No_access_sequence_throws(int[] steps) => PortScript.Run(
        steps, _clock, new SystemControlPortA(_power, _power), new ResetControlRegister(_power), new DebugExitPort(_power), new DebugConsole(new CollectingSink()));
}
