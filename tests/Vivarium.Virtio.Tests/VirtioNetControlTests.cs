using FsCheck.Xunit;
using Vivarium.Virtio.Tests.Fakes;

namespace Vivarium.Virtio.Tests;

public sealed class VirtioNetControlTests
{
    private const byte Ok = 0;
    private const byte Error = 1;
    private static readonly byte[] s_own = [0x02, 0, 0, 0, 0, 1];
    private static readonly byte[] s_other = [0x02, 0, 0, 0, 0, 2];
    private static readonly byte[] s_group = [0x01, 0, 0x5E, 0, 0, 1];
    private static readonly byte[] s_everybody = [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF];

    [Fact]
    public void The_driver_chooses_what_it_wants_to_hear()
    {
        var driver = Create();
        using var memory = driver.Memory;
        Assert.Equal("own other group everybody", Heard(driver));
        Assert.Equal(Ok, driver.Command(0, 0, 0));
        Assert.Equal("own everybody", Heard(driver));
        Assert.Equal(Ok, driver.Command(0, 1, 1));
        Assert.Equal("own group everybody", Heard(driver));
        Assert.Equal(Ok, driver.Command(0, 1, 0));
        Assert.Equal(Ok, driver.Command(1, 0, [1, 0, 0, 0, .. s_other, 1, 0, 0, 0, .. s_group]));
        Assert.Equal("own other group everybody", Heard(driver));
        Assert.Equal(Ok, driver.Command(1, 0, [0, 0, 0, 0, 0, 0, 0, 0]));
        Assert.Equal(Ok, driver.Command(0, 2, 1));
        Assert.Equal("own other everybody", Heard(driver));
        Assert.Equal(Ok, driver.Command(0, 4, 1));
        Assert.Equal(Ok, driver.Command(0, 5, 1));
        Assert.Equal("", Heard(driver));
        Assert.Equal(Ok, driver.Command(0, 0, 1));
        Assert.Equal("own other group everybody", Heard(driver));
    }

    [Fact]
    public void A_table_longer_than_what_is_kept_means_all()
    {
        var driver = Create();
        using var memory = driver.Memory;
        driver.Command(0, 0, 0);
        byte[] table = [65, 0, 0, 0, .. Enumerable.Repeat(new byte[] { 2, 9, 9, 9, 9, 9 }, 65).SelectMany(each => each), 0, 0, 0, 0];
        Assert.Equal(Ok, driver.Command(1, 0, table));
        Assert.Equal("own other everybody", Heard(driver));
    }

    [Fact]
    public void VLANs_pass_that_the_driver_named()
    {
        var driver = Create();
        using var memory = driver.Memory;
        Assert.Equal(Ok, driver.Command(2, 0, 5, 0));
        Assert.Equal(Ok, driver.Command(2, 0, 0xFF, 0x0F));
        Assert.Equal([5, 4095], new[] { 4, 5, 6, 4095 }.Where(vlan => Hears(driver, Tagged(vlan))));
        Assert.Equal("own other group everybody", Heard(driver));
        Assert.Equal(Ok, driver.Command(2, 1, 5, 0));
        Assert.False(Hears(driver, Tagged(5)));
        Assert.Equal(Error, driver.Command(2, 0, 0, 0x10));
    }

    [Fact]
    public void The_driver_takes_another_address()
    {
        var driver = Create();
        using var memory = driver.Memory;
        driver.Command(0, 0, 0);
        Assert.Equal(Ok, driver.Command(1, 1, s_other));
        Assert.Equal("other everybody", Heard(driver));
        Assert.Equal(0x02000000_0002UL, driver.Device.Address.Value);
        Assert.Equal(Error, driver.Command(1, 1, s_group));
        driver.Begin();
        Assert.Equal(0x02000000_0001UL, driver.Device.Address.Value);
    }

    [Fact]
    public void Answers_come_on_the_pair_of_queues_that_asked()
    {
        var driver = new NetDriver(new VirtioNetOptions { QueueSize = 16, QueuePairs = 2 }).Begin();
        using var memory = driver.Memory;
        driver.TrySend(new byte[12], Datagram(1, 2, 1000, 53), pair: 1);
        driver.Kick(3);
        Assert.Empty(driver.Network.Frames);
        Assert.Equal(Error, driver.Command(4, 0, 0, 0));
        Assert.Equal(Error, driver.Command(4, 0, 3, 0));
        Assert.Equal(Ok, driver.Command(4, 0, 2, 0));
        driver.Kick(3);
        Assert.Single(driver.Network.Frames);
        for (var i = 0; i < 4; i++)
        {
            driver.TryOffer(2_000, pair: i % 2);
        }

        driver.Arrive(Datagram(2, 1, 53, 1000));
        driver.Arrive(Datagram(3, 1, 54, 1001));
        driver.Mmio.Events.RunAll();
        Assert.Single(driver.TakeReceived(pair: 1));
        Assert.Single(driver.TakeReceived(pair: 0));
        Assert.Equal(2, driver.Device.ActivePairs);
    }

    [Fact]
    public void A_driver_that_knows_of_one_pair_has_its_control_queue_behind_it()
    {
        var driver = new NetDriver(new VirtioNetOptions { QueueSize = 16, QueuePairs = 2 }).Begin(NetDriver.Everything & ~NetDriver.MultiQueue);
        using var memory = driver.Memory;
        Assert.Equal(Ok, driver.Command(0, 0, 0));
        Assert.Equal(Error, driver.Command(4, 0, 2, 0));
    }

    [Fact]
    public void Offloads_are_switched_off_and_on()
    {
        var driver = Create();
        using var memory = driver.Memory;
        Assert.Equal(Ok, driver.Command(5, 0, BitConverter.GetBytes(NetDriver.GuestChecksum)));
        Assert.Equal(FrameCapabilities.Checksum, driver.Device.Input.Capabilities);
        Assert.Equal(Ok, driver.Command(5, 0, BitConverter.GetBytes(NetDriver.GuestTso4)));
        Assert.Equal(FrameCapabilities.None, driver.Device.Input.Capabilities);
        Assert.Equal(Error, driver.Command(5, 0, BitConverter.GetBytes(NetDriver.HostTso4)));
        Assert.Equal(Ok, driver.Command(5, 0, BitConverter.GetBytes(NetDriver.GuestChecksum | NetDriver.GuestTso4)));
        Assert.Equal(FrameCapabilities.Checksum | FrameCapabilities.Tcp4Segmentation, driver.Device.Input.Capabilities);

        // One that was cut for a driver that could take it whole, and no longer can.
        driver.Command(5, 0, new byte[8]);
        driver.TryOffer(4_000);
        driver.Arrive(Datagram(1, 2, 3, 4), new FrameOffload { NeedsChecksum = true });
        driver.Arrive(Datagram(1, 2, 3, 4), new FrameOffload { ChecksumValid = true });
        driver.Mmio.Events.RunAll();
        Assert.Equal(0, Assert.Single(driver.TakeReceived()).Header[0]);
    }

    [Property(MaxTest = 300)]
    public void Any_command_is_answered(byte kind, byte command, byte[] arguments, bool agreed)
    {
        var driver = new NetDriver(new VirtioNetOptions { QueueSize = 16, QueuePairs = 2 }).Begin(agreed ? NetDriver.Everything : 1UL << 17);
        using var memory = driver.Memory;
        Assert.InRange(driver.Command((byte)(kind % 7), (byte)(command % 7), arguments), Ok, Error);
        driver.Arrive(Datagram(1, 2, 3, 4));
        driver.Mmio.Events.RunAll();
    }

    private static NetDriver Create() => new NetDriver(new VirtioNetOptions { QueueSize = 16, Address = MacAddress.Read(s_own) }).Begin();

    private static string Heard(NetDriver driver) => string.Join(
        ' ',
        new[] { (s_own, "own"), (s_other, "other"), (s_group, "group"), (s_everybody, "everybody") }
            .Where(each => Hears(driver, [.. each.Item1, .. new byte[54]])).Select(each => each.Item2));

    private static bool Hears(NetDriver driver, byte[] frame)
    {
        // Buffers of frames that were not heard are still there.
        driver.TryOffer(2_000);
        driver.Arrive(frame);
        driver.Kick(0);
        return driver.TakeReceived().Any(each => each.Data.AsSpan().SequenceEqual(frame));
    }

    private static byte[] Tagged(int vlan) => [.. s_own, .. s_other, 0x81, 0, (byte)(vlan >> 8), (byte)vlan, .. new byte[46]];

    private static byte[] Datagram(byte from, byte to, int fromPort, int toPort) =>
    [
        .. s_own, .. s_other, 8, 0,
        0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, from, 10, 0, 0, to,
        (byte)(fromPort >> 8), (byte)fromPort, (byte)(toPort >> 8), (byte)toPort, 0, 8, 0, 0,
    ];
}
