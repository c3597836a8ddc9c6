using FsCheck;
using FsCheck.Xunit;
using Vivarium.Bus.Tests.Fakes;

namespace Vivarium.Bus.Tests;

public sealed class PortBusTests
{
    private readonly RecordingLogger _logger = new();
    private readonly PortBus _bus;

    public PortBusTests() => _bus = new PortBus(new Lock(), _logger);

    [Fact]
    public void A_device_sees_offsets_from_its_start()
    {
        var device = new RecordingDevice { Tag = 0x10 };
        _bus.Map(0x3F8, 8, device, "uart");
        Assert.Equal(0x13u, _bus.ReadPort(0x3FB, 1));
        _bus.WritePort(0x3FF, 1, 0xAB);
        Assert.Equal((true, 7UL, 1, 0xABUL), device.Calls[^1]);
    }

    [Theory]
    [InlineData(1, 0xFFu)]
    [InlineData(2, 0xFFFFu)]
    [InlineData(4, 0xFFFFFFFFu)]
    public void Unclaimed_ports_read_all_ones_and_are_logged_once(int sizeBytes, uint expected)
    {
        for (var i = 0; i < 3; i++)
        {
            Assert.Equal(expected, _bus.ReadPort(0x1234, sizeBytes));
            _bus.WritePort(0x1234, sizeBytes, 0);
        }

        Assert.Equal(2, _logger.Messages.Count);
    }

    [Fact]
    public void The_log_is_bounded()
    {
        for (var port = 0; port < 0x10000; port++)
        {
            _bus.ReadPort((ushort)port, 1);
        }

        Assert.InRange(_logger.Messages.Count, 1, 256);
    }

    [Fact]
    public void A_word_to_an_8_bit_device_is_two_bytes_at_consecutive_ports()
    {
        var device = new RecordingDevice(maximumSizeBytes: 1) { Tag = 0x40 };
        _bus.Map(0x20, 2, device, "pic");
        _bus.WritePort(0x20, 2, 0xBBAA);
        Assert.Equal([(true, 0UL, 1, 0xAAUL), (true, 1UL, 1, 0xBBUL)], device.Calls);
        Assert.Equal(0x4140u, _bus.ReadPort(0x20, 2));
    }

    [Fact]
    public void An_access_across_two_claims_and_a_hole_is_split()
    {
        _bus.Map(0x60, 1, new RecordingDevice { Tag = 0x11 }, "a");
        _bus.Map(0x61, 1, new RecordingDevice { Tag = 0x22 }, "b");
        _bus.Map(0x63, 1, new RecordingDevice { Tag = 0x44 }, "c");
        Assert.Equal(0x44FF2211u, _bus.ReadPort(0x60, 4));
        Assert.Equal(0xFF11FFFFu, _bus.ReadPort(0x5E, 4) | 0xFF000000u);
    }

    [Fact]
    public void An_access_past_the_last_port_reads_ones_there()
    {
        _bus.Map(0xFFFF, 1, new RecordingDevice { Tag = 0x5A }, "last");
        Assert.Equal(0xFFFFFF5Au, _bus.ReadPort(0xFFFF, 4));
    }

    [Fact]
    public void Overlap_is_refused_with_both_names_and_changes_nothing()
    {
        _bus.Map(0x100, 16, new RecordingDevice(), "first");
        var thrown = Assert.Throws<ArgumentException>(() => _bus.Map(0x10F, 2, new RecordingDevice(), "second"));
        Assert.Contains("'first'", thrown.Message, StringComparison.Ordinal);
        Assert.Contains("'second'", thrown.Message, StringComparison.Ordinal);
        Assert.Equal(0xFFu, _bus.ReadPort(0x110, 1));
    }

    [Fact]
    public void A_higher_priority_overlays_and_uncovers_when_disposed()
    {
        _bus.Map(0x100, 16, new RecordingDevice { Tag = 0 }, "below");
        var overlay = _bus.Map(0x104, 2, new RecordingDevice { Tag = 0x80 }, "above", priority: 1);
        Assert.Equal(0x81800302u, _bus.ReadPort(0x102, 4));
        overlay.Dispose();
        overlay.Dispose();
        Assert.Equal(0x05040302u, _bus.ReadPort(0x102, 4));
    }

    [Fact]
    public void A_claim_can_move_but_not_onto_another()
    {
        var bar = _bus.Map(0xC000, 32, new RecordingDevice { Tag = 0x70 }, "bar");
        _bus.Map(0xD000, 32, new RecordingDevice(), "other");
        bar.Move(0xC100);
        Assert.Equal(0xFFu, _bus.ReadPort(0xC000, 1));
        Assert.Equal(0x70u, _bus.ReadPort(0xC100, 1));
        Assert.Throws<ArgumentException>(() => bar.Move(0xD010));
        Assert.Equal(0xC100UL, bar.Start);
        Assert.Equal(0x70u, _bus.ReadPort(0xC100, 1));
        bar.Dispose();
        Assert.Throws<ObjectDisposedException>(() => bar.Move(0xE000));
    }

    [Fact]
    public void A_refused_access_reads_ones_and_is_logged_once()
    {
        _bus.Map(0x80, 1, new RecordingDevice { Answer = IoResult.NoRegister }, "post");
        Assert.Equal(0xFFu, _bus.ReadPort(0x80, 1));
        Assert.Equal(0xFFu, _bus.ReadPort(0x80, 1));
        Assert.Contains("post", Assert.Single(_logger.Messages), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0xFFFF, 2)]
    [InlineData(0, 0x10001)]
    public void A_claim_outside_the_space_is_refused(ushort start, int length) =>
        Assert.ThrowsAny<ArgumentException>(() => _bus.Map(start, length, new RecordingDevice(), "wide"));

    [Property]
    public bool Any_access_reads_the_bytes_of_whoever_claims_each_port(DoNotSize<ushort> portSeed, byte sizeSeed, DoNotSize<ushort>[] starts)
    {
        var port = portSeed.Item;
        var bus = new PortBus(new Lock());
        var owners = new Dictionary<int, byte>();
        for (var i = 0; i < starts.Length; i++)
        {
            var start = (ushort)(port - 4 + starts[i].Item % 8);
            try
            {
                bus.Map(start, 1, new RecordingDevice { Tag = (byte)i }, $"d{i}");
                owners.Add(start, (byte)i);
            }
            catch (ArgumentException)
            {
                // A second claim to the same port.
            }
        }

        var sizeBytes = 1 << (sizeSeed % 3);
        var value = bus.ReadPort(port, sizeBytes);
        return Enumerable.Range(0, sizeBytes).All(i => (byte)(value >> (8 * i)) == owners.GetValueOrDefault(port + i, (byte)0xFF));
    }
}
