using FsCheck.Xunit;
using Vivarium.Virtio.Tests.Fakes;

namespace Vivarium.Virtio.Tests;

public sealed class VirtioNetTests
{
    private static readonly byte[] s_noHeader = new byte[NetDriver.HeaderBytes];

    [Property(MaxTest = 40)]
    public void Frames_of_the_guest_reach_the_network_as_they_are(bool packed, bool indirect, bool eventIndex, int seed)
    {
        var driver = new NetDriver().Begin(packed: packed, indirect: indirect, eventIndex: eventIndex);
        using var memory = driver.Memory;
        var random = new Random(seed);
        var expected = new List<byte[]>();
        var sent = 0;
        for (var round = 0; round < 60; round++)
        {
            for (var i = random.Next(8); i > 0; i--)
            {
                var frame = Frame(random, random.Next(10) == 0 ? random.Next(14, 65_553) : random.Next(14, 1_514));
                if (driver.TrySend(s_noHeader, frame, Math.Max(frame.Length / random.Next(1, 6), 40)))
                {
                    expected.Add(frame);
                }
            }

            driver.Kick(1);
            sent += driver.TakeSent();
        }

        Assert.Equal(expected.Count, sent);
        Assert.Equal(expected, driver.Network.Frames.Select(frame => frame.Data));
    }

    [Property(MaxTest = 40)]
    public void Frames_for_the_guest_fill_its_buffers_and_wait_for_more(bool packed, bool indirect, bool eventIndex, bool mergeable, int seed)
    {
        var driver = new NetDriver().Begin(mergeable ? NetDriver.Everything : NetDriver.Everything & ~NetDriver.Mergeable, packed, indirect, eventIndex);
        using var memory = driver.Memory;
        var random = new Random(seed);
        var expected = new List<byte[]>();
        var received = new List<(byte[] Header, byte[] Data)>();
        var offset = 0;
        for (var round = 0; round < 80 || received.Count < expected.Count; round++)
        {
            Assert.True(round < 2_000, "Frames wait though there is room for them.");
            for (var i = round < 80 ? random.Next(4) : 0; i > 0; i--)
            {
                var frame = Frame(random, random.Next(6) == 0 ? random.Next(14, 9_000) : random.Next(14, 1_514));
                driver.Arrive(frame);
                expected.Add(frame);
            }

            driver.Mmio.Events.RunAll();
            for (var i = random.Next(6); i > 0; i--)
            {
                driver.TryOffer(mergeable ? random.Next(13, 2_000) : 9_100, 4_000);
            }

            driver.Kick(0);
            received.AddRange(driver.TakeReceived());
            for (; offset < received.Count; offset++)
            {
                Assert.True(expected[offset].AsSpan().SequenceEqual(received[offset].Data), "A frame came otherwise than it was sent.");
            }
        }

        Assert.Equal(0, driver.Device.DroppedFrames);
    }

    [Fact]
    public void What_is_left_to_do_goes_both_ways()
    {
        var driver = new NetDriver().Begin();
        using var memory = driver.Memory;
        var frame = Frame(new Random(1), 4_000);

        // flags 1, TSO over IPv4, 54 bytes of headers, pieces of 1,460, checksum from 34 on at 16.
        byte[] header = [1, 1, 54, 0, 0xB4, 0x05, 34, 0, 16, 0, 0, 0];
        var offload = new FrameOffload { NeedsChecksum = true, Segmentation = SegmentationKind.Tcp4, HeaderBytes = 54, SegmentBytes = 1_460, ChecksumStart = 34, ChecksumOffset = 16 };
        Assert.True(driver.TrySend(header, frame));
        driver.Kick(1);
        Assert.Equal(offload, Assert.Single(driver.Network.Frames).Offload);

        Assert.Equal(FrameCapabilities.All, driver.Device.Input.Capabilities);
        driver.TryOffer(8_000);
        driver.TryOffer(8_000);
        driver.Arrive(frame, offload);
        driver.Arrive(frame, new FrameOffload { ChecksumValid = true });
        driver.Mmio.Events.RunAll();
        var received = driver.TakeReceived();
        header[10] = 1;
        Assert.Equal(header, received[0].Header);
        Assert.Equal([2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0], received[1].Header);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void An_answer_on_the_spot_needs_no_event_queue_and_one_of_another_thread_does(bool fromAnotherThread)
    {
        var driver = new NetDriver().Begin();
        using var memory = driver.Memory;
        driver.Device.Connect(new Answering(driver, fromAnotherThread));
        for (var round = 0; round < 3; round++)
        {
            Assert.True(driver.TryOffer(2_000));
            Assert.True(driver.TryOffer(2_000));
            var frame = Frame(new Random(round), 98);
            Assert.True(driver.TrySend(s_noHeader, frame));
            driver.Mmio.Kick(1);
            Assert.Equal(1, driver.TakeSent());
            var atOnce = driver.TakeReceived();
            driver.Mmio.Events.RunAll();
            var later = driver.TakeReceived();
            var (expected, other) = fromAnotherThread ? (later, atOnce) : (atOnce, later);
            Assert.Empty(other);
            Assert.Equal([frame, frame], expected.Select(received => received.Data));
        }
    }

    [Theory]
    [InlineData(1, 0, 0, "checksum")]
    [InlineData(1, 1, 100, "TSO over IPv4")]
    [InlineData(1, 4, 100, "TSO over IPv6")]
    [InlineData(1, 5, 100, "UDP")]
    [InlineData(0, 3, 100, "fragmentation, which is not offered")]
    [InlineData(0, 77, 100, "nonsense")]
    public void What_was_not_agreed_on_is_dropped(byte flags, byte kind, byte segmentBytes, string what)
    {
        var driver = new NetDriver().Begin(features: 0);
        using var memory = driver.Memory;
        Assert.True(driver.TrySend([flags, kind, 54, 0, segmentBytes, 0, 34, 0, 16, 0, 0, 0], new byte[1_000]), what);
        driver.Kick(1);
        Assert.Equal(1, driver.TakeSent());
        Assert.Empty(driver.Network.Frames);
        Assert.Equal(FrameCapabilities.None, driver.Device.Input.Capabilities);
    }

    [Fact]
    public void Frames_that_are_none_are_dropped_and_those_behind_them_are_not()
    {
        var driver = new NetDriver().Begin();
        using var memory = driver.Memory;
        Assert.True(driver.TrySend(s_noHeader, new byte[13]));
        Assert.True(driver.TrySend(s_noHeader, new byte[EthernetFrame.MaxLengthBytes + 1]));
        Assert.True(driver.TrySend([1, 1, 54, 0, 0, 0, 34, 0, 16, 0, 0, 0], new byte[100]));
        Assert.True(driver.TrySend([0, 1, 54, 0, 9, 0, 34, 0, 16, 0, 0, 0], new byte[100]));
        Assert.True(driver.TrySend(s_noHeader, new byte[60]));
        driver.Kick(1);
        Assert.Equal(5, driver.TakeSent());
        Assert.Equal(60, Assert.Single(driver.Network.Frames).Data.Length);
        Assert.Equal(VirtioStatus.None, driver.Device.Status & VirtioStatus.DeviceNeedsReset);
    }

    [Fact]
    public void Buffers_without_room_for_a_header_break_their_queue()
    {
        var driver = new NetDriver().Begin();
        using var memory = driver.Memory;
        Assert.True(driver.TrySend(new byte[4], new byte[4]));
        driver.Kick(1);
        Assert.False(driver.Device.Queues[1].IsUsable);
        Assert.True(driver.Device.Queues[0].IsUsable);
        driver.TryOffer(11);
        driver.Arrive(new byte[60]);
        driver.Mmio.Events.RunAll();
        Assert.False(driver.Device.Queues[0].IsUsable);
    }

    [Fact]
    public void A_kick_sends_little_itself_and_leaves_the_rest_to_the_event_queue()
    {
        var driver = new NetDriver().Begin();
        using var memory = driver.Memory;
        for (var i = 0; i < 12; i++)
        {
            Assert.True(driver.TrySend(s_noHeader, new byte[60]));
        }

        driver.Mmio.Kick(1);
        Assert.InRange(driver.Network.Count, 1, 11);
        driver.Mmio.Events.RunAll();
        Assert.Equal(12, driver.Network.Count);
    }

    [Fact]
    public void While_the_guest_has_no_room_frames_wait_within_a_bound()
    {
        var driver = new NetDriver(new VirtioNetOptions { QueueSize = 16, WaitingFrames = 20 }).Begin();
        using var memory = driver.Memory;
        for (var i = 0; i < 200; i++)
        {
            driver.Arrive(Frame(new Random(i), 100));
            driver.Mmio.Events.RunAll();
        }

        Assert.InRange(driver.Device.DroppedFrames, 200 - 20 - 64, 199);
        var received = new List<byte[]>();
        while (driver.TryOffer(2_000))
        {
            driver.Kick(0);
            received.AddRange(driver.TakeReceived().Select(frame => frame.Data));
            if (received.Count + driver.Device.DroppedFrames == 200)
            {
                break;
            }
        }

        // Those that came first, in their order.
        Assert.Equal(200 - driver.Device.DroppedFrames, received.Count);
        Assert.All(received.Index(), each => Assert.Equal(Frame(new Random(each.Index), 100), each.Item));
    }

    [Fact]
    public void A_frame_that_no_buffer_can_hold_is_dropped_and_the_next_one_is_not()
    {
        var driver = new NetDriver().Begin(NetDriver.Everything & ~NetDriver.Mergeable);
        using var memory = driver.Memory;
        driver.TryOffer(1_000);
        driver.Arrive(new byte[2_000]);
        driver.Arrive(new byte[900]);
        driver.Mmio.Events.RunAll();
        Assert.Equal(900, Assert.Single(driver.TakeReceived()).Data.Length);
    }

    [Fact]
    public void A_cable_is_pulled_and_plugged_in()
    {
        var driver = new NetDriver().Begin();
        using var memory = driver.Memory;
        Assert.Equal(1u, driver.Mmio.Read(0x104) >> 16);
        driver.Device.IsLinkUp = false;
        driver.Mmio.Events.RunAll();
        Assert.Equal(2u, driver.Mmio.TakeInterrupt());
        Assert.Equal(0u, driver.Mmio.Read(0x104) >> 16);
        driver.TrySend(s_noHeader, new byte[60]);
        driver.Kick(1);
        Assert.Empty(driver.Network.Frames);
        Assert.Equal(1, driver.TakeSent());
        driver.Device.IsLinkUp = true;
        driver.Mmio.Events.RunAll();
        Assert.Equal(1u, driver.Mmio.Read(0x104) >> 16);
        driver.TrySend(s_noHeader, new byte[60]);
        driver.Kick(1);
        Assert.Single(driver.Network.Frames);
    }

    [Fact]
    public void The_configuration_says_what_the_device_is()
    {
        var address = MacAddress.Parse("02:11:22:33:44:55");
        var driver = new NetDriver(new VirtioNetOptions { Address = address, MtuBytes = 9_000, QueuePairs = 3 });
        using var memory = driver.Memory;
        Span<byte> configuration = stackalloc byte[12];
        driver.Device.ReadConfiguration(0, configuration);
        Assert.Equal(address, MacAddress.Read(configuration));
        Assert.Equal(3, BitConverter.ToUInt16(configuration[8..]));
        Assert.Equal(9_000, BitConverter.ToUInt16(configuration[10..]));
        Assert.NotEqual(0UL, driver.Device.OfferedFeatures & NetDriver.MultiQueue);
        Assert.Throws<ArgumentException>(() => new NetDriver(new VirtioNetOptions { QueuePairs = 33 }));
        Assert.Throws<ArgumentException>(() => new NetDriver(new VirtioNetOptions { Address = MacAddress.Broadcast }));
        Assert.Throws<ArgumentException>(() => new NetDriver(new VirtioNetOptions { QueueSize = 100 }));
        Assert.Throws<ArgumentException>(() => new NetDriver(new VirtioNetOptions { MtuBytes = 68 }));
    }

    [Fact]
    public void Nothing_is_allocated_for_a_frame()
    {
        var driver = new NetDriver(new VirtioNetOptions { QueueSize = 16 }).Begin();
        using var memory = driver.Memory;
        driver.Network.CountsOnly = true;
        var frame = new byte[1_514];

        // The device's part alone: the driver of these tests allocates.
        long Measure(Action arrange, Action act)
        {
            var least = long.MaxValue;
            for (var i = 0; i < 200; i++)
            {
                arrange();
                var before = GC.GetAllocatedBytesForCurrentThread();
                act();
                least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
                driver.TakeSent();
                driver.TakeReceived();
            }

            return least;
        }

        Assert.Equal(0, Measure(() => driver.TrySend(s_noHeader, frame), () => driver.Device.Notify(1)));
        var events = driver.Mmio.Events;
        Assert.Equal(0, Measure(
            () =>
            {
                driver.TryOffer(2_000);
                driver.Arrive(frame);
            },
            () =>
            {
                driver.Device.Work(driver.Device.Queues[0]);
                events.RunAll();
            }));
        Assert.Equal(200, driver.Network.Count);
    }

    private static byte[] Frame(Random random, int length)
    {
        var frame = new byte[length];
        random.NextBytes(frame);
        frame[0] &= 0xFE;
        return frame;
    }

    /// <summary>A network that sends each frame back twice before it returns.</summary>
    private sealed class Answering(NetDriver driver, bool fromAnotherThread) : IFrameSink
    {
        public FrameCapabilities Capabilities => FrameCapabilities.All;

        public void Send(ReadOnlySpan<EthernetFrame> frames)
        {
            foreach (var frame in frames)
            {
                var data = frame.Data.ToArray();
                frame.Release();
                if (fromAnotherThread)
                {
                    var thread = new Thread(() => Answer(data));
                    thread.Start();
                    thread.Join();
                }
                else
                {
                    Answer(data);
                }
            }
        }

        private void Answer(byte[] data)
        {
            driver.Arrive(data);
            driver.Arrive(data);
        }
    }
}
