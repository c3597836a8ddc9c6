using FsCheck.Xunit;

namespace Vivarium.Network.Tests;

public sealed class FrameTests
{
    [Fact]
    public void A_frame_goes_back_to_its_pool_with_the_last_reference()
    {
        var pool = new FramePool();
        var frame = pool.Rent(100);
        frame.AddReference();
        frame.Release();
        Assert.NotSame(frame, pool.Rent(100));
        frame.Release();
        Assert.Same(frame, pool.Rent(1_000));
        frame.Release();
        Assert.Throws<InvalidOperationException>(frame.Release);
        Assert.Throws<ArgumentOutOfRangeException>(() => pool.Rent(EthernetFrame.MaxLengthBytes + 1));
        Assert.Equal(EthernetFrame.MaxLengthBytes, pool.Rent(EthernetFrame.MaxLengthBytes).Length);
    }

    [Property(MaxTest = 200)]
    public void A_queue_keeps_order_and_bounds(int seed)
    {
        var random = new Random(seed);
        var pool = new FramePool();
        var calls = 0;
        var queue = new FrameQueue(() => calls++, maxFrames: 100, maxBytes: 2_000);
        var model = new Queue<int>();
        var (modelBytes, number, armed, expectedCalls) = (0, 0, true, 0);
        for (var step = 0; step < 200; step++)
        {
            var frames = new EthernetFrame[random.Next(1, 20)];
            if (random.Next(2) == 0)
            {
                var fits = true;
                var added = false;
                for (var i = 0; i < frames.Length; i++)
                {
                    frames[i] = pool.Rent(4 + (number % 60));
                    BitConverter.TryWriteBytes(frames[i].Span, number);
                    fits = fits && model.Count < 100 && modelBytes + frames[i].Length <= 2_000;
                    if (fits)
                    {
                        model.Enqueue(number);
                        modelBytes += frames[i].Length;
                        added = true;
                    }

                    number++;
                }

                queue.Send(frames);
                expectedCalls += added && armed ? 1 : 0;
                armed &= !added;
            }
            else
            {
                var count = queue.Receive(frames);
                for (var i = 0; i < count; i++)
                {
                    Assert.Equal(model.Dequeue(), BitConverter.ToInt32(frames[i].Data));
                    modelBytes -= frames[i].Length;
                    frames[i].Release();
                }

                Assert.True(count == frames.Length || model.Count == 0);
                armed |= count < frames.Length;
            }
        }

        Assert.Equal(expectedCalls, calls);
        Assert.Equal(model.Count, queue.Count);
    }

    [Property(MaxTest = 2_000)]
    public void The_parser_stays_inside_the_frame(byte[] noise, byte kind)
    {
        var frame = Station.Frame(Station.AddressOf(1), Station.AddressOf(2), noise, (kind % 3) switch { 0 => 0x0800, 1 => 0x86DD, _ => 0x8100 });
        if (noise.Length > 0 && kind % 3 < 2)
        {
            frame[14] = (byte)(kind % 3 == 0 ? 0x45 + (kind >> 6) : 0x60);
        }

        if (PacketLayout.TryParse(frame, out var layout))
        {
            Assert.InRange(layout.Network, 14, layout.Transport);
            Assert.InRange(layout.Transport, 14, layout.End);
            Assert.InRange(layout.End, 14, frame.Length);
        }
    }

    [Fact]
    public void Addresses_of_a_seed_are_local_single_and_different()
    {
        var addresses = Enumerable.Range(0, 10_000).Select(i => MacAddress.FromSeed(42, i)).ToList();
        Assert.Equal(10_000, addresses.Distinct().Count());
        Assert.All(addresses, address => Assert.Equal(0x02UL, (address.Value >> 40) & 3));
        Assert.Equal(MacAddress.FromSeed(42, 7), addresses[7]);
        Assert.NotEqual(MacAddress.FromSeed(43, 7), addresses[7]);
        Assert.Equal("02:00:5e:10:00:ff", MacAddress.Parse("02-00-5E-10-00-ff").ToString());
        Assert.Throws<FormatException>(() => MacAddress.Parse("02:00:5e:10:00"));
    }
}
