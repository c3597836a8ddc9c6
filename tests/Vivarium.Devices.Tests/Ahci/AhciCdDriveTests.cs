using System.Buffers.Binary;
using Vivarium.Devices.Tests.Fakes;

namespace Vivarium.Devices.Tests.Ahci;

public sealed class AhciCdDriveTests
{
    private const byte Ok = 0x50;
    private const byte Failed = 0x51;

    private readonly FakeDisk _medium = new(100 * 2048) { IsReadOnly = true };
    private readonly AhciCdDrive _drive;
    private readonly AhciDriver _driver;

    public AhciCdDriveTests()
    {
        new Random(1).NextBytes(_medium.Bytes);
        _drive = new AhciCdDrive(_medium);
        _driver = new AhciDriver(_drive);
        _driver.Initialize();
    }

    private ReadOnlySpan<byte> Reply => _driver.Memory.Bytes.AsSpan((int)AhciDriver.Data);

    [Fact]
    public void It_shows_the_signature_of_a_packet_device()
    {
        Assert.Equal(0xEB14_0101u, _driver.ReadPort(0x24));
        Assert.Equal(Failed, _driver.Run(0xEC, 0, 0, [(AhciDriver.Data, 512)]));
        Restart();
        Assert.Equal(Ok, _driver.Run(0xA1, 0, 0, [(AhciDriver.Data, 512)]));
        Assert.Equal(0x8580, BinaryPrimitives.ReadUInt16LittleEndian(Reply));
    }

    [Theory]
    [InlineData(new byte[] { 0x28, 0, 0, 0, 0, 7, 0, 0, 2 })]
    [InlineData(new byte[] { 0xA8, 0, 0, 0, 0, 7, 0, 0, 0, 2 })]
    [InlineData(new byte[] { 0xBE, 0, 0, 0, 0, 7, 0, 0, 2, 0x10 })]
    public void Sectors_are_read(byte[] packet)
    {
        Assert.Equal(Ok, _driver.RunPacket(packet));
        Assert.True(Reply[..4096].SequenceEqual(_medium.Bytes.AsSpan(7 * 2048, 4096)));
        Assert.Equal(4096u, _driver.TransferredBytes(0));
    }

    [Fact]
    public void Capacity_and_table_of_contents_tell_one_data_track()
    {
        Assert.Equal(Ok, _driver.RunPacket([0x25]));
        Assert.Equal((99u, 2048u), (BinaryPrimitives.ReadUInt32BigEndian(Reply), BinaryPrimitives.ReadUInt32BigEndian(Reply[4..])));
        Assert.Equal(Ok, _driver.RunPacket([0x43, 0, 0, 0, 0, 0, 0, 0, 20]));
        Assert.Equal([0, 18, 1, 1, 0, 0x14, 1, 0, 0, 0, 0, 0, 0, 0x14, 0xAA, 0, 0, 0, 0, 100], Reply[..20].ToArray());
        Assert.Equal(Ok, _driver.RunPacket([0x43, 2, 0, 0, 0, 0, 0xAA, 0, 12]));
        Assert.Equal([0, 10, 1, 1, 0, 0x14, 0xAA, 0, 0, 0, 3, 25], Reply[..12].ToArray());
    }

    [Theory]
    [InlineData(new byte[] { 0x28, 0, 0, 0, 0, 99, 0, 0, 2 }, 0x05, 0x2100)]
    [InlineData(new byte[] { 0xFF }, 0x05, 0x2000)]
    [InlineData(new byte[] { 0x43, 0, 4, 0, 0, 0, 0, 0, 20 }, 0x05, 0x2400)]
    public void Errors_are_told_by_sense_data(byte[] packet, int key, int code)
    {
        Assert.Equal(Failed, _driver.RunPacket(packet));
        Assert.Equal(key << 4, _driver.Error);
        AssertSense(key, code);
    }

    [Fact]
    public async Task A_medium_comes_and_goes()
    {
        var done = _drive.ChangeMediumAsync(null);
        _driver.Events.RunAll();
        await done;
        Assert.Equal(Failed, _driver.RunPacket([0]));
        AssertSense(0x02, 0x3A00);

        var next = new FakeDisk(10 * 2048);
        done = _drive.ChangeMediumAsync(next);
        _driver.Events.RunAll();
        await done;
        Assert.Equal(Ok, _driver.RunPacket([0x4A, 1, 0, 0, 0x10, 0, 0, 0, 8]));
        Assert.Equal((2, 2), (Reply[4], Reply[5]));
        Assert.Equal(Failed, _driver.RunPacket([0]));
        AssertSense(0x06, 0x2800);
        Assert.Equal(Ok, _driver.RunPacket([0]));
        Assert.Equal(Ok, _driver.RunPacket([0x25]));
        Assert.Equal(9u, BinaryPrimitives.ReadUInt32BigEndian(Reply));
    }

    [Fact]
    public async Task A_medium_is_not_given_back_while_it_is_read()
    {
        _medium.Holds = true;
        _driver.RunPacket([0x28, 0, 0, 0, 0, 0, 0, 0, 1]);
        var done = _drive.ChangeMediumAsync(null);
        _driver.Events.RunAll();
        Assert.False(done.IsCompleted);
        _medium.ReleaseAll();
        _driver.Events.RunAll();
        await done;
        Assert.Equal(Ok, _driver.Status);
    }

    [Fact]
    public async Task A_medium_is_given_back_also_if_its_read_was_given_up()
    {
        _medium.Holds = true;
        _driver.RunPacket([0x28, 0, 0, 0, 0, 0, 0, 0, 1]);
        var done = _drive.ChangeMediumAsync(null);
        _driver.Events.RunAll();
        _driver.Restart();
        _medium.ReleaseAll();
        _driver.Events.RunAll();
        await done;
        Assert.Equal(0u, _driver.InterruptStatus & 1);
    }

    [Fact]
    public void The_guest_opens_and_locks_the_tray()
    {
        Assert.Equal(Ok, _driver.RunPacket([0x1E, 0, 0, 0, 1]));
        Assert.Equal(Failed, _driver.RunPacket([0x1B, 0, 0, 0, 2]));
        AssertSense(0x05, 0x5302);
        Assert.Equal(Ok, _driver.RunPacket([0x1E, 0, 0, 0, 0]));
        Assert.Equal(Ok, _driver.RunPacket([0x1B, 0, 0, 0, 2]));
        Assert.Equal(Failed, _driver.RunPacket([0x28, 0, 0, 0, 0, 0, 0, 0, 1]));
        AssertSense(0x02, 0x3A00);
        Assert.Equal(Ok, _driver.RunPacket([0x1B, 0, 0, 0, 3]));
        Assert.Equal(Failed, _driver.RunPacket([0]));
        AssertSense(0x06, 0x2800);
        Assert.Equal(Ok, _driver.RunPacket([0x28, 0, 0, 0, 0, 0, 0, 0, 1]));
    }

    [Fact]
    public void State_goes_with_it()
    {
        _driver.RunPacket([0x1E, 0, 0, 0, 1]);
        _driver.Controller.Stop();
        var other = new AhciDriver(new AhciCdDrive(_medium), memory: _driver.Memory);
        _driver.Controller.CopyStateTo(other.Controller);
        Assert.Equal(Failed, other.RunPacket([0x1B, 0, 0, 0, 2]));
    }

    private void AssertSense(int key, int code)
    {
        Restart();
        Assert.Equal(Ok, _driver.RunPacket([0x03, 0, 0, 0, 18]));
        Assert.Equal((0x70, key, code), (Reply[0], Reply[2], BinaryPrimitives.ReadUInt16BigEndian(Reply[12..])));
    }

    private void Restart() => _driver.Restart();
}
