using Vivarium.Virtio.Tests.Fakes;
using Buffer = Vivarium.Virtio.Tests.Fakes.Buffer;

namespace Vivarium.Virtio.Tests;

public sealed class VirtioRngTests
{
    [Fact]
    public void Buffers_are_filled_from_the_source()
    {
        using var memory = MmioDriver.CreateMemory();
        var events = new ManualEvents();
        var driver = new MmioDriver(memory, events, new VirtioRng(new VirtioServices(memory, events), "virtio-rng0", new Counting()));
        var queue = driver.Begin()[0];
        var token = queue.Add([new Buffer(0x20_0FF0, 300, IsWritable: true), new Buffer(0x22_0000, 200, IsWritable: true)]);
        driver.Kick();
        Assert.Equal((token, 500u), queue.TakeUsed());
        var bytes = new byte[500];
        memory.TryRead(0x20_0FF0, bytes.AsSpan(0, 300));
        memory.TryRead(0x22_0000, bytes.AsSpan(300));
        Assert.Equal(Enumerable.Range(0, 500).Select(each => (byte)each), bytes);

        // A huge buffer takes no more than its share, and says so.
        queue.Add([new Buffer(0x20_0000, 0x10_0000, IsWritable: true)]);
        driver.Kick();
        Assert.Equal(65536u, queue.TakeUsed()!.Value.WrittenBytes);
    }

    private sealed class Counting : IEntropySource
    {
        private byte _next;

        public void Fill(Span<byte> destination)
        {
            foreach (ref var each in destination)
            {
                each = _next++;
            }
        }
    }
}
