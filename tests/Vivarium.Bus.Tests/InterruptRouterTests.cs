using FsCheck.Xunit;

namespace Vivarium.Bus.Tests;

public sealed class InterruptRouterTests
{
    private readonly InterruptRouter _router = new();
    private readonly Pins _pic = new(16);
    private readonly Pins _ioApic = new(24);

    public InterruptRouterTests() => _router.RoutePc(_pic, _ioApic);

    [Theory]
    [InlineData(0, 0, 2)]
    [InlineData(1, 1, 1)]
    [InlineData(15, 15, 15)]
    public void Isa_lines_reach_both_controllers(int gsi, int picPin, int ioApicPin)
    {
        _router.Connect(gsi).SetLevel(true);
        Assert.Equal([(picPin, true)], _pic.Changes);
        Assert.Equal([(ioApicPin, true)], _ioApic.Changes);
    }

    [Fact]
    public void Lines_above_15_reach_the_ioapic_alone()
    {
        _router.Connect(20).Pulse();
        Assert.Empty(_pic.Changes);
        Assert.Equal([(20, true), (20, false)], _ioApic.Changes);
    }

    [Property]
    public bool Shared_lines_are_ored(bool[][] steps)
    {
        var router = new InterruptRouter();
        var pins = new Pins(24);
        router.RoutePc(null, pins);
        var lines = Enumerable.Range(0, 4).Select(_ => router.Connect(11)).ToArray();
        foreach (var step in steps)
        {
            for (var i = 0; i < Math.Min(lines.Length, step.Length); i++)
            {
                lines[i].SetLevel(step[i]);
            }

            if (pins.Levels[11] != lines.Any(l => l.Level) || router.GetLevel(11) != pins.Levels[11])
            {
                return false;
            }
        }

        return pins.Changes.Zip(pins.Changes.Skip(1)).All(pair => pair.First.Level != pair.Second.Level);
    }

    [Fact]
    public void Resync_drives_every_routed_pin_again()
    {
        _router.Connect(5).SetLevel(true);
        Array.Clear(_pic.Levels);
        _router.Resync();
        Assert.True(_pic.Levels[5]);
        Assert.False(_pic.Levels[4]);
    }

    [Fact]
    public void Messages_go_to_the_target_if_they_are_in_the_window()
    {
        var target = new Target();
        _router.SendMsi(0xFEE00000, 1);
        _router.AttachMsiTarget(target);
        _router.SendMsi(0xFEE01000, 0x41);
        _router.SendMsi(0xFED00000, 0x42);
        _router.SendMsi(0x1_FEE00000, 0x43);
        Assert.Equal([(0xFEE01000UL, 0x41u)], target.Messages);
    }

    [Fact]
    public void Impossible_gsis_and_pins_are_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => _router.Connect(24));
        Assert.Throws<ArgumentOutOfRangeException>(() => _router.Connect(-1));
        Assert.Throws<ArgumentOutOfRangeException>(() => _router.Route(3, _pic, 16));
    }

    private sealed class Pins(int count) : IInterruptInput
    {
        public int PinCount => count;

        public bool[] Levels { get; } = new bool[count];

        public List<(int Pin, bool Level)> Changes { get; } = [];

        public void SetPin(int pin, bool level)
        {
            Levels[pin] = level;
            Changes.Add((pin, level));
        }
    }

    private sealed class Target : IMsiTarget
    {
        public List<(ulong Address, uint Data)> Messages { get; } = [];

        public void SendMsi(ulong address, uint data) => Messages.Add((address, data));
    }
}
