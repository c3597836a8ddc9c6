using FsCheck.Xunit;
using Vivarium.Memory;
using Vivarium.Virtio.Tests.Fakes;
using Buffer = Vivarium.Virtio.Tests.Fakes.Buffer;

namespace Vivarium.Virtio.Tests;

/// <summary>Rings that no driver should make: the device asks for a reset, leaves the queue alone, and works again after the reset.</summary>
public sealed class MalformedRingTests
{
    private const ulong DataGpa = 0x20_0000;
    private const int Size = 8;

    public static TheoryData<string, bool> Faults
    {
        get
        {
            var data = new TheoryData<string, bool>();
            foreach (var name in s_split.Keys)
            {
                data.Add(name, false);
            }

            foreach (var name in s_packed.Keys)
            {
                data.Add(name, true);
            }

            return data;
        }
    }

    private static readonly Dictionary<string, Action<GuestMemory, DriverQueue>> s_split = new()
    {
        ["a loop"] = (memory, queue) => Split(memory, queue, (0, DataGpa, 16, DriverQueue.Next, 1), (1, DataGpa, 16, DriverQueue.Next, 0)),
        ["a link out of the table"] = (memory, queue) => Split(memory, queue, (0, DataGpa, 16, DriverQueue.Next, Size)),
        ["no bytes"] = (memory, queue) => Split(memory, queue, (0, DataGpa, 0, DriverQueue.Write, 0)),
        ["a huge length"] = (memory, queue) => Split(memory, queue, (0, DataGpa, uint.MaxValue, DriverQueue.Write, 0)),
        ["an address outside memory"] = (memory, queue) => Split(memory, queue, (0, MmioDriver.RamBytes, 16, DriverQueue.Write, 0)),
        ["an end outside memory"] = (memory, queue) => Split(memory, queue, (0, MmioDriver.RamBytes - 8, 16, DriverQueue.Write, 0)),
        ["an address that wraps"] = (memory, queue) => Split(memory, queue, (0, ulong.MaxValue - 4, 16, DriverQueue.Write, 0)),
        ["a readable descriptor behind a writable one"] = (memory, queue) =>
            Split(memory, queue, (0, DataGpa, 16, DriverQueue.Next | DriverQueue.Write, 1), (1, DataGpa, 16, 0, 0)),
        ["a head out of the table"] = (memory, queue) =>
        {
            memory.Write(queue.DriverGpa + 4, (ushort)Size);
            memory.Write(queue.DriverGpa + 2, (ushort)1);
        },
        ["an index that runs backwards"] = (memory, queue) => memory.Write(queue.DriverGpa + 2, ushort.MaxValue),
        ["the same head twice"] = (memory, queue) =>
        {
            Split(memory, queue, (0, DataGpa, 16, DriverQueue.Write, 0));
            memory.Write(queue.DriverGpa + 6, (ushort)0);
            memory.Write(queue.DriverGpa + 2, (ushort)2);
        },
        ["an indirect table that loops"] = (memory, queue) => SplitIndirect(memory, queue, 32, (DataGpa, 16, DriverQueue.Next, 1), (DataGpa, 16, DriverQueue.Next, 0)),
        ["an indirect table of a size that is none"] = (memory, queue) => SplitIndirect(memory, queue, 24, (DataGpa, 16, 0, 0)),
        ["an empty indirect table"] = (memory, queue) => SplitIndirect(memory, queue, 0, (DataGpa, 16, 0, 0)),
        ["a link out of an indirect table"] = (memory, queue) => SplitIndirect(memory, queue, 16, (DataGpa, 16, DriverQueue.Next, 1)),
        ["a table in a table"] = (memory, queue) => SplitIndirect(memory, queue, 16, (DataGpa, 16, DriverQueue.Indirect, 0)),
        ["an indirect descriptor that is linked"] = (memory, queue) =>
            Split(memory, queue, (0, DataGpa, 16, DriverQueue.Next | DriverQueue.Indirect, 1), (1, DataGpa, 16, 0, 0)),
        ["an indirect table outside memory"] = (memory, queue) => Split(memory, queue, (0, MmioDriver.RamBytes, 16, DriverQueue.Indirect, 0)),
    };

    private static readonly Dictionary<string, Action<GuestMemory, DriverQueue>> s_packed = new()
    {
        ["a chain without an end"] = (memory, queue) =>
        {
            for (var i = Size - 1; i >= 0; i--)
            {
                Packed(memory, queue, i, DataGpa, 16, DriverQueue.Next);
            }
        },
        ["no bytes"] = (memory, queue) => Packed(memory, queue, 0, DataGpa, 0, DriverQueue.Write),
        ["a huge length"] = (memory, queue) => Packed(memory, queue, 0, DataGpa, uint.MaxValue, DriverQueue.Write),
        ["an address outside memory"] = (memory, queue) => Packed(memory, queue, 0, ulong.MaxValue, 16, DriverQueue.Write),
        ["a table longer than the queue"] = (memory, queue) =>
        {
            for (var i = 0UL; i <= Size; i++)
            {
                memory.Write(DataGpa + (16 * i), DataGpa + 0x1000);
                memory.Write(DataGpa + (16 * i) + 8, 16UL);
            }

            Packed(memory, queue, 0, DataGpa, 16 * (Size + 1), DriverQueue.Indirect);
        },
    };

    [Theory]
    [MemberData(nameof(Faults))]
    public void A_malformed_ring_breaks_its_queue_until_a_reset(string fault, bool packed)
    {
        using var memory = MmioDriver.CreateMemory();
        var events = new ManualEvents();
        var device = new EchoDevice(new VirtioServices(memory, events), Size) { Holds = true };
        var driver = new MmioDriver(memory, events, device);
        var queue = driver.Begin(packed: packed, indirect: true)[0];
        (packed ? s_packed : s_split)[fault](memory, queue);
        driver.Kick();
        Assert.NotEqual(VirtioStatus.None, device.Status & VirtioStatus.DeviceNeedsReset);
        Assert.Equal(2u, driver.TakeInterrupt());
        Assert.False(device.Queues[0].IsUsable);
        driver.Kick();
        events.RunAll();

        memory.Write(queue.DriverGpa, 0U);
        memory.Write(queue.DeviceGpa, 0U);
        memory.TryWrite(queue.DescriptorGpa, new byte[16 * Size]);
        device.Holds = false;
        queue = driver.Begin(packed: packed)[0];
        var token = queue.Add([new Buffer(DataGpa, 16, IsWritable: true)]);
        driver.Kick();
        Assert.Equal((token, 16u), queue.TakeUsed());
    }

    [Fact]
    public void An_indirect_table_that_was_not_negotiated_breaks_the_queue()
    {
        using var memory = MmioDriver.CreateMemory();
        var events = new ManualEvents();
        var device = new EchoDevice(new VirtioServices(memory, events), Size);
        var driver = new MmioDriver(memory, events, device);
        var queue = driver.Begin()[0];
        SplitIndirect(memory, queue, 16, (DataGpa, 16, 0, 0));
        driver.Kick();
        Assert.NotEqual(VirtioStatus.None, device.Status & VirtioStatus.DeviceNeedsReset);
    }

    [Fact]
    public void A_queue_that_is_changed_in_use_breaks()
    {
        using var memory = MmioDriver.CreateMemory();
        var events = new ManualEvents();
        var device = new EchoDevice(new VirtioServices(memory, events), Size);
        var driver = new MmioDriver(memory, events, device);
        driver.Begin();
        driver.Write(0x080, 0x1000);
        Assert.False(device.Queues[0].IsUsable);
        Assert.NotEqual(VirtioStatus.None, device.Status & VirtioStatus.DeviceNeedsReset);
    }

    [Theory]
    [InlineData(3u, 0x1000u, false)]
    [InlineData(16u, 0x1000u, false)]
    [InlineData(0u, 0x1000u, false)]
    [InlineData(0u, 0x1000u, true)]
    [InlineData(8u, 0x1004u, false)]
    [InlineData(8u, 0xFFFF_FFF0u, false)]
    [InlineData(8u, 0xFFFF_FFF0u, true)]
    public void A_queue_that_cannot_be_laid_out_breaks(uint size, uint descriptorGpa, bool packed)
    {
        using var memory = MmioDriver.CreateMemory();
        var events = new ManualEvents();
        var device = new EchoDevice(new VirtioServices(memory, events), Size);
        var driver = new MmioDriver(memory, events, device);
        Assert.True(driver.Negotiate(VirtioFeatures.Version1 | (packed ? VirtioFeatures.PackedRing : 0)));
        driver.Write(0x038, size);
        driver.Write(0x080, descriptorGpa);
        driver.Write(0x090, 0x2000);
        driver.Write(0x0A0, 0x3000);
        driver.Write(0x044, 1);
        driver.Write(0x070, 15);
        driver.Kick();
        Assert.False(device.Queues[0].IsUsable);
        Assert.NotEqual(VirtioStatus.None, device.Status & VirtioStatus.DeviceNeedsReset);
    }

    [Property(MaxTest = 300)]
    public void Random_rings_do_no_harm(bool packed, bool eventIndex, byte[] noise, int seed)
    {
        using var memory = MmioDriver.CreateMemory();
        var events = new ManualEvents();
        var device = new EchoDevice(new VirtioServices(memory, events), Size);
        var driver = new MmioDriver(memory, events, device);
        var queue = driver.Begin(packed: packed, indirect: true, eventIndex: eventIndex)[0];
        var random = new Random(seed);
        for (var round = 0; round < 30; round++)
        {
            // Mostly possible descriptors with one thing wrong here and there: pure noise fails at once.
            for (var i = 0UL; i < Size; i++)
            {
                var gpa = queue.DescriptorGpa + (16 * i);
                memory.Write(gpa, random.Next(8) == 0 ? (ulong)random.NextInt64() : DataGpa + (ulong)random.Next(0x10000));
                memory.Write(gpa + 8, random.Next(8) == 0 ? (uint)random.Next() : (uint)random.Next(1, 64) * 16);
                memory.Write(gpa + 12, (ushort)random.Next(packed ? Size : 8));
                memory.Write(gpa + 14, packed ? (ushort)(random.Next(8) | (random.Next(4) << 7 << (random.Next(2) * 8))) : (ushort)random.Next(Size + 1));
            }

            for (var i = 0; i < 4 && noise.Length > 0; i++)
            {
                memory.Write(DataGpa + (ulong)random.Next(0x10000), noise[random.Next(noise.Length)]);
            }

            for (var i = 0UL; i < Size; i++)
            {
                memory.Write(queue.DriverGpa + 4 + (2 * i), (ushort)random.Next(Size + 1));
            }

            memory.Write(queue.DriverGpa + 2, (ushort)(round + random.Next(Size)));
            driver.Kick();
            events.RunAll();
            if ((device.Status & VirtioStatus.DeviceNeedsReset) != 0)
            {
                memory.Write(queue.DriverGpa, 0U);
                memory.Write(queue.DeviceGpa, 0U);
                queue = driver.Begin(packed: packed, indirect: true, eventIndex: eventIndex)[0];
            }
        }
    }

    private static void Split(GuestMemory memory, DriverQueue queue, params (int Index, ulong Gpa, uint SizeBytes, int Flags, int Next)[] descriptors)
    {
        foreach (var each in descriptors)
        {
            Descriptor(memory, queue.DescriptorGpa + (16 * (ulong)each.Index), each.Gpa, each.SizeBytes, (ushort)each.Flags, (ushort)each.Next);
        }

        memory.Write(queue.DriverGpa + 4, (ushort)0);
        memory.Write(queue.DriverGpa + 2, (ushort)1);
    }

    private static void SplitIndirect(GuestMemory memory, DriverQueue queue, uint tableBytes, params (ulong Gpa, uint SizeBytes, int Flags, int Next)[] table)
    {
        for (var i = 0; i < table.Length; i++)
        {
            Descriptor(memory, 0x8000 + (16 * (ulong)i), table[i].Gpa, table[i].SizeBytes, (ushort)table[i].Flags, (ushort)table[i].Next);
        }

        Split(memory, queue, (0, 0x8000, tableBytes, DriverQueue.Indirect, 0));
    }

    private static void Packed(GuestMemory memory, DriverQueue queue, int index, ulong gpa, uint sizeBytes, int flags) =>
        Descriptor(memory, queue.DescriptorGpa + (16 * (ulong)index), gpa, sizeBytes, 0, (ushort)(flags | (1 << 7)));

    private static void Descriptor(GuestMemory memory, ulong at, ulong gpa, uint sizeBytes, ushort third, ushort fourth)
    {
        memory.Write(at, gpa);
        memory.Write(at + 8, sizeBytes);
        memory.Write(at + 12, third);
        memory.Write(at + 14, fourth);
    }
}
