using FsCheck;
using FsCheck.Xunit;
using Vivarium.Bus.Tests.Fakes;

namespace Vivarium.Bus.Tests;

public sealed class MmioBusTests
{
    private readonly RecordingLogger _logger = new();
    private readonly Lock _deviceLock = new();
    private readonly MmioBus _bus;

    public MmioBusTests() => _bus = new MmioBus(_deviceLock, _logger);

    [Fact]
    public void An_access_wider_than_the_device_takes_is_split_in_halves()
    {
        var device = new RecordingDevice(maximumSizeBytes: 4, minimumSizeBytes: 4) { Tag = 0 };
        _bus.Map(0xFEC00000, 0x1000, device, "ioapic");
        Assert.Equal(0x1716151413121110UL, _bus.ReadMmio(0xFEC00010, 8));
        _bus.WriteMmio(0xFEC00000, 8, 0x1122334455667788);
        Assert.Equal([(true, 0UL, 4, 0x55667788UL), (true, 4UL, 4, 0x11223344UL)], device.Calls[^2..]);
    }

    [Fact]
    public void A_device_that_wants_more_than_a_byte_refuses_bytes()
    {
        var device = new RecordingDevice(minimumSizeBytes: 4);
        _bus.Map(0x1000, 0x1000, device, "wide");
        Assert.Equal(0xFFFFUL, _bus.ReadMmio(0x1000, 2));
        Assert.Empty(device.Calls);
    }

    [Fact]
    public void An_access_across_a_border_reads_both_sides()
    {
        _bus.Map(0x1000, 0x1000, new RecordingDevice { Tag = 0x01 }, "low");
        _bus.Map(0x2000, 0x1000, new RecordingDevice { Tag = 0x80 }, "high");
        // Offsets 0xFFD to 0xFFF of the low device with tag 1 give 0xFE, 0xFF and 0x00.
        Assert.Equal(0x848382818000FFFEUL, _bus.ReadMmio(0x1FFD, 8));
    }

    [Fact]
    public void Unclaimed_pages_are_logged_once_each()
    {
        for (var i = 0UL; i < 64; i += 8)
        {
            Assert.Equal(ulong.MaxValue, _bus.ReadMmio(0x9000 + i, 8));
            Assert.Equal(0xFFUL, _bus.ReadMmio(0xA000 + i, 1));
        }

        Assert.Equal(2, _logger.Messages.Count);
    }

    [Fact]
    public void The_last_bytes_of_the_space_can_be_claimed_and_read_over()
    {
        _bus.Map(ulong.MaxValue - 1, 2, new RecordingDevice { Tag = 0x30 }, "top");
        Assert.Equal(0xFFFF3130UL, _bus.ReadMmio(ulong.MaxValue - 1, 4));
        Assert.Throws<ArgumentException>(() => _bus.Map(ulong.MaxValue, 2, new RecordingDevice(), "past"));
    }

    [Fact]
    public void Devices_are_called_with_the_device_lock_held()
    {
        var probe = new LockProbe(_deviceLock);
        _bus.Map(0, 16, probe, "probe");
        _bus.ReadMmio(0, 4);
        Assert.True(probe.WasHeld);
    }

    [Property]
    public bool Split_writes_reach_each_byte_once(DoNotSize<uint> gpaSeed, byte sizeSeed, DoNotSize<ulong> valueSeed)
    {
        var (gpa, value) = (gpaSeed.Item, valueSeed.Item);
        var bus = new MmioBus(new Lock());
        var device = new RecordingDevice(maximumSizeBytes: 1);
        bus.Map(0, 1UL << 40, device, "bytes");
        var sizeBytes = 1 << (sizeSeed % 4);
        bus.WriteMmio(gpa, sizeBytes, value);
        return device.Calls.Count == sizeBytes
            && Enumerable.Range(0, sizeBytes).All(i => device.Calls[i] == (true, gpa + (ulong)i, 1, (ulong)(byte)(value >> (8 * i))));
    }

    private sealed class LockProbe(Lock deviceLock) : IMmioDevice
    {
        public bool WasHeld { get; private set; }

        public IoResult ReadMmio(ulong offset, int sizeBytes, out ulong value)
        {
            WasHeld = deviceLock.IsHeldByCurrentThread;
            value = 0;
            return IoResult.Ok;
        }

        public IoResult WriteMmio(ulong offset, int sizeBytes, ulong value) => IoResult.ReadOnly;
    }
}
