using FsCheck.Xunit;
using Vivarium.Virtio.Tests.Fakes;

namespace Vivarium.Virtio.Tests;

public sealed class VirtioNetStateTests
{
    private static readonly VirtioNetOptions s_options = new() { QueueSize = 16, QueuePairs = 2 };

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_restored_device_goes_on_where_the_saved_one_was(bool packed)
    {
        var driver = new NetDriver(s_options).Begin(packed: packed);
        using var memory = driver.Memory;
        Assert.Equal(0, driver.Command(4, 0, 2, 0));
        Assert.Equal(0, driver.Command(0, 0, 0));
        Assert.Equal(0, driver.Command(1, 1, 2, 0, 0, 0, 0, 9));
        Assert.Equal(0, driver.Command(1, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 8, 0, 0, 0, 0));
        Assert.Equal(0, driver.Command(5, 0, BitConverter.GetBytes(NetDriver.GuestChecksum)));
        Assert.Equal(0, driver.Command(2, 0, 7, 0));

        // A frame that takes three buffers, of which there are two: they are the driver's again when the device is stopped.
        driver.TryOffer(500);
        driver.TryOffer(500);
        driver.Arrive([2, 0, 0, 0, 0, 9, .. new byte[1_194]]);
        driver.Mmio.Events.RunAll();
        driver.Device.Stop();
        var other = Copy(driver);
        Assert.Equal(driver.Device.Address, other.Device.Address);
        Assert.Equal(2, other.Device.ActivePairs);
        Assert.Equal(FrameCapabilities.Checksum, other.Device.Input.Capabilities);

        // The frame is lost, the buffers are not.
        other.Arrive([2, 0, 0, 0, 0, 7, .. new byte[54]]);
        other.Arrive([2, 0, 0, 0, 0, 8, .. new byte[794]]);
        other.Mmio.Events.RunAll();
        Assert.Equal(800, Assert.Single(other.TakeReceived()).Data.Length);
        Assert.True(other.TrySend(new byte[12], new byte[70], pair: 1));
        other.Kick(3);
        Assert.Single(other.Network.Frames);
    }

    [Fact]
    public void A_restored_guest_is_asked_to_announce_itself()
    {
        var driver = new NetDriver(s_options).Begin();
        using var memory = driver.Memory;
        driver.Device.Stop();
        var other = Copy(driver);
        Assert.Equal(3u, other.Mmio.Read(0x104) >> 16);
        Assert.Equal(2u, other.Mmio.TakeInterrupt() & 2);
        Assert.Equal(0, other.Command(3, 0));
        Assert.Equal(1u, other.Mmio.Read(0x104) >> 16);
    }

    [Fact]
    public void A_cable_that_was_pulled_meanwhile_is_seen()
    {
        var driver = new NetDriver(s_options).Begin();
        using var memory = driver.Memory;
        driver.Device.Stop();
        var other = Copy(driver, start: false);
        other.Device.IsLinkUp = false;
        other.Device.Start();
        Assert.Equal(0u, other.Mmio.Read(0x104) >> 16 & 1);
        Assert.Equal(2u, other.Mmio.TakeInterrupt() & 2);
    }

    [Fact]
    public void A_stopped_device_goes_on_with_the_frames_that_waited()
    {
        var driver = new NetDriver(s_options).Begin();
        using var memory = driver.Memory;
        driver.TryOffer(500);
        driver.Arrive(new byte[800]);
        driver.Mmio.Events.RunAll();
        driver.Device.Stop();
        driver.Arrive(new byte[60]);
        driver.Mmio.Events.RunAll();
        Assert.Empty(driver.TakeReceived());
        driver.Device.Start();
        driver.TryOffer(500);
        driver.TryOffer(500);
        driver.Kick(0);
        Assert.Equal([800, 60], driver.TakeReceived().Select(frame => frame.Data.Length));
    }

    [Property(MaxTest = 200)]
    public void Altered_states_are_refused_or_work(FsCheck.DoNotSize<ushort>[] positions, byte value)
    {
        var driver = new NetDriver(s_options).Begin();
        using var memory = driver.Memory;
        driver.Command(2, 0, 7, 0);
        driver.Command(1, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 8, 0, 0, 0, 0);
        driver.TryOffer(500);
        driver.Device.Stop();
        var writer = new StateWriter();
        driver.Device.Save(writer);
        var state = writer.WrittenMemory.ToArray();
        foreach (var position in positions)
        {
            state[position.Item % state.Length] = value;
        }

        var other = new NetDriver(s_options, memory);
        other.Device.Stop();
        try
        {
            other.Device.Restore(new StateReader("virtio-net0", 1, state));
        }
        catch (StateFormatException)
        {
            return;
        }

        other.Device.Start();
        other.Arrive(new byte[100]);
        for (var i = 0; i < 5; i++)
        {
            other.Kick(i);
        }

        other.Device.Stop();
    }

    [Property(MaxTest = 150)]
    public void Random_rings_do_no_harm(bool packed, bool eventIndex, int seed)
    {
        const int Size = 16;
        var driver = new NetDriver(s_options).Begin(packed: packed, eventIndex: eventIndex);
        using var memory = driver.Memory;
        var random = new Random(seed);
        for (var round = 0; round < 30; round++)
        {
            var index = random.Next(driver.Queues.Length);
            var queue = driver.Queues[index];
            for (var i = 0UL; i < Size; i++)
            {
                var gpa = queue.DescriptorGpa + (16 * i);
                memory.Write(gpa, random.Next(12) == 0 ? (ulong)random.NextInt64() : 0x28_0000UL + (ulong)random.Next(0x10000));
                memory.Write(gpa + 8, random.Next(12) == 0 ? (uint)random.Next() : (uint)random.Next(1, 400));
                memory.Write(gpa + 12, (ushort)random.Next(packed ? Size : 4));
                memory.Write(gpa + 14, packed ? (ushort)(random.Next(4) | (random.Next(4) << 7 << (random.Next(2) * 8))) : (ushort)random.Next(Size + 1));
            }

            for (var i = 0UL; i < Size; i++)
            {
                memory.Write(queue.DriverGpa + 4 + (2 * i), (ushort)random.Next(Size));
            }

            var noise = new byte[0x400];
            random.NextBytes(noise);
            memory.TryWrite(0x28_0000UL + (ulong)random.Next(0x10000), noise);
            memory.Write(queue.DriverGpa + 2, (ushort)random.Next(Size));
            for (var i = random.Next(5); i > 0; i--)
            {
                driver.Arrive(new byte[random.Next(14, 3_000)]);
            }

            driver.Kick(index);
            if (random.Next(8) == 0)
            {
                driver.Device.Stop();
                driver.Device.Start();
            }

            if ((driver.Device.Status & VirtioStatus.DeviceNeedsReset) != 0)
            {
                foreach (var each in driver.Queues)
                {
                    memory.TryWrite(each.DriverGpa, new byte[64]);
                    memory.TryWrite(each.DeviceGpa, new byte[64]);
                }

                driver.Begin(packed: packed, eventIndex: eventIndex);
            }
        }
    }

    private static NetDriver Copy(NetDriver driver, bool start = true)
    {
        var device = new StateWriter();
        driver.Device.Save(device);
        var transport = new StateWriter();
        driver.Mmio.Registers.Save(transport);
        var other = new NetDriver(s_options, driver.Memory);
        other.TakeOver(driver);
        other.Device.Stop();
        other.Device.Restore(new StateReader("virtio-net0", 1, device.WrittenMemory));
        other.Mmio.Registers.Restore(new StateReader("virtio-net0-mmio", 1, transport.WrittenMemory));
        if (start)
        {
            other.Device.Start();
        }

        return other;
    }
}
