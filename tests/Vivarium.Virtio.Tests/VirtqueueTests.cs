using FsCheck;
using FsCheck.Xunit;
using Vivarium.Virtio.Tests.Fakes;
using Buffer = Vivarium.Virtio.Tests.Fakes.Buffer;

namespace Vivarium.Virtio.Tests;

/// <summary>Both formats against a driver of the tests and a model of what each chain must come back with.</summary>
public sealed class VirtqueueTests
{
    private const ulong DataGpa = 0x20_0000;

    public static TheoryData<bool, bool, bool> Formats
    {
        get
        {
            var data = new TheoryData<bool, bool, bool>();
            for (var i = 0; i < 8; i++)
            {
                data.Add((i & 1) != 0, (i & 2) != 0, (i & 4) != 0);
            }

            return data;
        }
    }

    [Property(MaxTest = 150)]
    public void Random_chains_come_back_as_the_model_says(bool packed, bool indirect, bool eventIndex, byte[] script)
    {
        using var memory = MmioDriver.CreateMemory();
        var events = new ManualEvents();
        var device = new EchoDevice(new VirtioServices(memory, events), 16) { Holds = true };
        var driver = new MmioDriver(memory, events, device);
        var queue = driver.Begin(size: 16, packed: packed, indirect: indirect, eventIndex: eventIndex)[0];
        var expected = new Dictionary<int, (byte[] Output, Buffer[] Writable)>();
        var place = DataGpa;
        var random = new Random(script.Length);

        // Long enough for several laps of the ring, whatever FsCheck gives.
        byte[] steps = [.. script, .. Enumerable.Range(0, 120).Select(_ => (byte)random.Next(256))];
        foreach (var step in steps)
        {
            switch (step % 4)
            {
                case 0 or 1:
                    Offer(step);
                    driver.Kick();
                    break;
                case 2 when device.HeldCount > 0:
                    // The wish counts from what the driver has seen: it looks first.
                    Collect();
                    queue.WantInterrupt(true);
                    driver.TakeInterrupt();
                    device.Answer(step % device.HeldCount);
                    Assert.Equal(1u, driver.TakeInterrupt());
                    break;
                default:
                    Collect();
                    break;
            }
        }

        driver.Kick();
        while (device.HeldCount > 0)
        {
            device.Answer(0);
        }

        Collect();
        Assert.Empty(expected);
        Assert.Equal(VirtioStatus.None, device.Status & VirtioStatus.DeviceNeedsReset);

        void Offer(byte step)
        {
            var readable = step / 4 % 4;
            var writable = Math.Max(step / 16 % 4, readable == 0 ? 1 : 0);
            var buffers = new List<Buffer>();
            for (var i = 0; i < readable + writable; i++)
            {
                // Lengths that cross pages, addresses without alignment.
                var size = (uint)((step * 37 * (i + 1)) % 5000) + 1;
                buffers.Add(new Buffer(place, size, i >= readable));
                place += size + 3;
                place = place > DataGpa + 0x1A_0000 ? DataGpa : place;
            }

            var input = buffers.Where(each => !each.IsWritable).SelectMany(each =>
            {
                var bytes = new byte[each.SizeBytes];
                random.NextBytes(bytes);
                memory.TryWrite(each.Gpa, bytes);
                return bytes;
            }).ToArray();
            Buffer[] outputs = [.. buffers.Where(each => each.IsWritable)];
            var output = new byte[outputs.Sum(each => each.SizeBytes)];
            for (var i = 0; i < output.Length; i++)
            {
                output[i] = input.Length == 0 ? (byte)0xAA : (byte)~input[i % input.Length];
            }

            var token = queue.Add(buffers);
            if (token >= 0)
            {
                expected.Add(token, (output, outputs));
            }
        }

        void Collect()
        {
            while (queue.TakeUsed() is { } used)
            {
                Assert.True(expected.Remove(used.Token, out var model));
                Assert.Equal((uint)model.Output.Length, used.WrittenBytes);
                var offset = 0;
                foreach (var buffer in model.Writable)
                {
                    var bytes = new byte[buffer.SizeBytes];
                    memory.TryRead(buffer.Gpa, bytes);
                    Assert.True(model.Output.AsSpan(offset, bytes.Length).SequenceEqual(bytes));
                    offset += bytes.Length;
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void A_driver_that_wants_no_interrupt_gets_none(bool packed, bool indirect, bool eventIndex)
    {
        var (driver, queue, _) = Create(packed, indirect, eventIndex);
        for (var i = 0; i < 40; i++)
        {
            queue.WantInterrupt(false);
            Assert.InRange(queue.Add([new Buffer(DataGpa, 64, IsWritable: true)]), 0, 15);
            driver.Kick();
            Assert.NotNull(queue.TakeUsed());
            Assert.Equal(0u, driver.TakeInterrupt());
        }

        queue.WantInterrupt(true);
        queue.Add([new Buffer(DataGpa, 64, IsWritable: true)]);
        driver.Kick();
        Assert.Equal(1u, driver.TakeInterrupt());
        driver.Memory.Dispose();
    }

    [Fact]
    public void Many_buffers_are_taken_in_turns()
    {
        using var memory = MmioDriver.CreateMemory();
        var events = new ManualEvents();
        var device = new EchoDevice(new VirtioServices(memory, events), 256);
        var driver = new MmioDriver(memory, events, device);
        var queue = driver.Begin()[0];
        for (var i = 0; i < 200; i++)
        {
            queue.Add([new Buffer(DataGpa, 16, IsWritable: true)]);
        }

        driver.Kick();
        Assert.Equal(64, Count());
        events.RunAll();
        Assert.Equal(136, Count());

        int Count()
        {
            var count = 0;
            while (queue.TakeUsed() is not null)
            {
                count++;
            }

            return count;
        }
    }

    private static (MmioDriver Driver, DriverQueue Queue, EchoDevice Device) Create(bool packed, bool indirect, bool eventIndex)
    {
        var memory = MmioDriver.CreateMemory();
        var events = new ManualEvents();
        var device = new EchoDevice(new VirtioServices(memory, events), 16);
        var driver = new MmioDriver(memory, events, device);
        return (driver, driver.Begin(size: 16, packed: packed, indirect: indirect, eventIndex: eventIndex)[0], device);
    }
}
