using System.Buffers.Binary;
using System.Text;
using FsCheck.Xunit;
using Vivarium.Storage;
using Vivarium.Virtio.Tests.Fakes;

namespace Vivarium.Virtio.Tests;

public sealed class VirtioBlockTests
{
    private const uint Read = 0;
    private const uint Write = 1;
    private const uint Flush = 4;
    private const uint GetId = 8;
    private const uint Discard = 11;
    private const uint WriteZeroes = 13;
    private const byte Ok = 0;
    private const byte IoError = 1;
    private const byte Unsupported = 2;
    private const int SizeBytes = 1 << 20;

    [Property(MaxTest = 40)]
    public void A_disk_holds_what_its_driver_wrote(bool packed, bool indirect, bool eventIndex, bool atOnce, int seed)
    {
        var disk = new SteppedDisk(new RamDisk(SizeBytes)) { Waits = false };
        var driver = new BlockDriver(atOnce ? disk : new PoolDisk(disk), options: new VirtioBlockOptions { QueueCount = 2 })
            .Begin(packed: packed, indirect: indirect, eventIndex: eventIndex);
        using var memory = driver.Memory;
        var model = new byte[SizeBytes];
        var random = new Random(seed);
        for (var i = 0; i < 60; i++)
        {
            var sector = random.Next((SizeBytes / 512) - 32);
            var data = new byte[random.Next(1, 33) * 512];
            var queue = random.Next(2);
            switch (random.Next(5))
            {
                case 0 or 1:
                    random.NextBytes(data);
                    Assert.Equal(Ok, driver.Do(Write, (ulong)sector, data, segmentBytes: random.Next(400, 5000), queue: queue).Status);
                    data.CopyTo(model, sector * 512);
                    break;
                case 2 when random.Next(2) == 0:
                    Assert.Equal(Ok, driver.Do(WriteZeroes, 0, Range((ulong)sector, (uint)data.Length / 512, 1), queue: queue).Status);
                    model.AsSpan(sector * 512, data.Length).Clear();
                    break;
                case 3 when random.Next(2) == 0:
                    // A discard of a RAM disk leaves zeros.
                    Assert.Equal(Ok, driver.Do(Discard, 0, Range((ulong)sector, (uint)data.Length / 512, 0), queue: queue).Status);
                    model.AsSpan(sector * 512, data.Length).Clear();
                    break;
                default:
                    var (status, read) = driver.Do(Read, (ulong)sector, [], data.Length, random.Next(400, 5000), queue);
                    Assert.Equal(Ok, status);
                    Assert.True(model.AsSpan(sector * 512, data.Length).SequenceEqual(read));
                    break;
            }
        }
    }

    [Fact]
    public void Requests_complete_in_the_order_of_the_host()
    {
        var disk = new SteppedDisk(new RamDisk(SizeBytes));
        var driver = new BlockDriver(disk).Begin();
        using var memory = driver.Memory;
        var first = driver.Submit(Write, 0, new byte[512]);
        var second = driver.Submit(Read, 8, [], 512);
        Assert.Empty(driver.TakeUsed());
        Assert.Equal(0u, driver.Mmio.TakeInterrupt());
        disk.Release(1);
        driver.Mmio.Events.RunUntil(() => driver.Mmio.TakeInterrupt() == 1);
        Assert.Equal(second, Assert.Single(driver.TakeUsed()).Request);
        disk.Release();
        driver.Mmio.Events.RunUntil(() => driver.Mmio.TakeInterrupt() == 1);
        Assert.Equal(first, Assert.Single(driver.TakeUsed()).Request);
    }

    [Fact]
    public void A_failing_host_is_an_error_for_the_guest_and_the_disk_goes_on()
    {
        var disk = new SteppedDisk(new RamDisk(SizeBytes)) { Failure = new BlockIOException(BlockErrorKind.Full, "The host's disk is full.") };
        var driver = new BlockDriver(disk).Begin();
        using var memory = driver.Memory;
        driver.Submit(Write, 0, new byte[512]);
        disk.Release();
        driver.Mmio.Events.RunUntil(() => driver.Mmio.TakeInterrupt() == 1);
        Assert.Equal(IoError, Assert.Single(driver.TakeUsed()).Status);
        disk.Waits = false;
        Assert.Equal(IoError, driver.Do(Flush, 0, []).Status);
        disk.Failure = new InvalidOperationException("A defect of the back end.");
        Assert.Equal(IoError, driver.Do(Read, 0, [], 512).Status);
        disk.Failure = null;
        Assert.Equal(Ok, driver.Do(Write, 0, new byte[512]).Status);
        Assert.Equal(VirtioStatus.None, driver.Disk.Status & VirtioStatus.DeviceNeedsReset);
    }

    [Fact]
    public void Impossible_requests_are_refused()
    {
        var driver = new BlockDriver(new RamDisk(SizeBytes)).Begin();
        using var memory = driver.Memory;
        const ulong Sectors = SizeBytes / 512;
        Assert.Equal(IoError, driver.Do(Read, Sectors, [], 512).Status);
        Assert.Equal(IoError, driver.Do(Read, Sectors - 1, [], 1024).Status);
        Assert.Equal(IoError, driver.Do(Write, ulong.MaxValue, new byte[512]).Status);
        Assert.Equal(IoError, driver.Do(Write, 0x80_0000_0000_0000, new byte[512]).Status);
        Assert.Equal(IoError, driver.Do(Read, 0, [], 100).Status);
        Assert.Equal(IoError, driver.Do(Discard, 0, new byte[15]).Status);
        Assert.Equal(IoError, driver.Do(Discard, 0, Range(Sectors, 1, 0)).Status);
        Assert.Equal(IoError, driver.Do(Discard, 0, Range(0, uint.MaxValue, 0)).Status);
        Assert.Equal(IoError, driver.Do(WriteZeroes, 0, new byte[16 * 17]).Status);
        Assert.Equal(Unsupported, driver.Do(Discard, 0, Range(0, 1, 1)).Status);
        Assert.Equal(Unsupported, driver.Do(WriteZeroes, 0, Range(0, 1, 2)).Status);
        Assert.Equal(Unsupported, driver.Do(14, 0, []).Status);
        Assert.Equal(Ok, driver.Do(Read, Sectors - 1, [], 512).Status);
    }

    [Fact]
    public void A_request_without_room_for_its_header_breaks_the_queue()
    {
        var driver = new BlockDriver(new RamDisk(SizeBytes)).Begin();
        using var memory = driver.Memory;
        driver.Queues[0].Add([new Fakes.Buffer(0x20_0000, 8, IsWritable: false), new Fakes.Buffer(0x20_0100, 1, IsWritable: true)]);
        driver.Mmio.Kick();
        Assert.NotEqual(VirtioStatus.None, driver.Disk.Status & VirtioStatus.DeviceNeedsReset);
    }

    [Fact]
    public void The_serial_number_is_read()
    {
        var driver = new BlockDriver(new RamDisk(SizeBytes), options: new VirtioBlockOptions { SerialNumber = "VIV-0001" }).Begin();
        using var memory = driver.Memory;
        var (status, data) = driver.Do(GetId, 0, [], 20);
        Assert.Equal(Ok, status);
        Assert.Equal("VIV-0001", Encoding.ASCII.GetString(data).TrimEnd('\0'));
    }

    [Fact]
    public void A_read_only_disk_says_so_and_stays_as_it_is()
    {
        var driver = new BlockDriver(new ReadOnlyDisk(new RamDisk(SizeBytes))).Begin();
        using var memory = driver.Memory;
        Assert.NotEqual(0u, driver.Disk.OfferedFeatures & (1UL << 5));
        Assert.Equal(0UL, driver.Disk.OfferedFeatures & ((1UL << 13) | (1UL << 14)));
        Assert.Equal(IoError, driver.Do(Write, 0, new byte[512]).Status);
        Assert.Equal(IoError, driver.Do(WriteZeroes, 0, Range(0, 1, 0)).Status);
        Assert.Equal(Ok, driver.Do(Flush, 0, []).Status);
        Assert.Equal(Ok, driver.Do(Read, 0, [], 512).Status);
    }

    [Fact]
    public void A_driver_without_flush_gets_each_write_flushed()
    {
        var disk = new SteppedDisk(new RamDisk(SizeBytes)) { Waits = false };
        var driver = new BlockDriver(disk).Begin(features: 0);
        using var memory = driver.Memory;
        driver.Do(Write, 0, new byte[512]);
        Assert.Equal(["write", "flush"], disk.Calls);
    }

    [Fact]
    public async Task A_resize_is_shown_to_the_driver()
    {
        var ram = new SteppedDisk(new RamDisk(SizeBytes));
        var driver = new BlockDriver(ram).Begin();
        using var memory = driver.Memory;
        Assert.Equal(SizeBytes / 512u, driver.Mmio.Read(0x100));
        var generation = driver.Mmio.Read(0x0FC);
        var growing = driver.Disk.ResizeAsync(2 * SizeBytes);
        driver.Mmio.Events.RunUntil(() => growing.IsCompleted || driver.Mmio.Read(0x100) == 2 * SizeBytes / 512u);
        await growing;
        Assert.Equal(2u, driver.Mmio.TakeInterrupt());
        Assert.NotEqual(generation, driver.Mmio.Read(0x0FC));

        // Smaller: what is in flight comes first, and new requests see the end at once.
        driver.Submit(Read, (2 * SizeBytes / 512) - 1, [], 512);
        var shrinking = driver.Disk.ResizeAsync(SizeBytes);
        driver.Mmio.Events.RunUntil(() => driver.Mmio.Read(0x100) == SizeBytes / 512u);
        Assert.False(shrinking.IsCompleted);
        Assert.Equal(2 * SizeBytes, ram.SizeBytes);
        driver.Submit(Read, (2 * SizeBytes / 512) - 1, [], 512);
        Assert.Equal(IoError, Assert.Single(driver.TakeUsed()).Status);
        ram.Release();
        driver.Mmio.Events.RunUntil(() => driver.TakeUsed().Count == 1);
        driver.Mmio.Events.RunUntil(() => shrinking.IsCompleted || ram.SizeBytes == SizeBytes);
        while (!shrinking.IsCompleted)
        {
            driver.Mmio.Events.RunAll();
            await Task.Yield();
        }

        await shrinking;
        Assert.Equal(SizeBytes, ram.SizeBytes);
    }

    [Fact]
    public void A_reset_waits_for_the_host_and_drops_what_was_in_flight()
    {
        var disk = new SteppedDisk(new RamDisk(SizeBytes));
        var driver = new BlockDriver(disk).Begin();
        using var memory = driver.Memory;
        driver.Submit(Read, 0, [], 512);
        driver.Mmio.Write(0x070, 0);
        driver.Mmio.Events.RunUntil(() => driver.Mmio.Read(0x070) == 0);
        Assert.Equal(0, disk.WaitingCount);
        Assert.Empty(driver.TakeUsed());
        memory.TryWrite(driver.Queues[0].DriverGpa, new byte[16]);
        memory.TryWrite(driver.Queues[0].DeviceGpa, new byte[16]);
        disk.Waits = false;
        var again = driver.Begin();
        Assert.NotNull(again);
        Assert.Equal(0u, driver.Mmio.TakeInterrupt());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Requests_in_flight_survive_a_save_and_restore(bool packed)
    {
        var ram = new RamDisk(SizeBytes);
        var disk = new SteppedDisk(ram);
        var driver = new BlockDriver(disk).Begin(packed: packed);
        using var memory = driver.Memory;
        var data = new byte[4096];
        new Random(1).NextBytes(data);
        Assert.True(ram.WriteAsync(65536, [data]).IsCompletedSuccessfully);
        driver.Submit(Write, 8, data);
        var read = driver.Submit(Read, 128, [], 4096);
        driver.Submit(Read, 256, [], 512);

        // One is finished before the pause; two are cancelled and come again.
        disk.Release(2);
        driver.Mmio.Events.RunUntil(() => driver.TakeUsed().Count == 1);
        driver.Disk.Stop();
        Assert.Equal(0, disk.WaitingCount);
        var writer = new StateWriter();
        driver.Disk.Save(writer);
        var transport = new StateWriter();
        driver.Mmio.Registers.Save(transport);

        disk.Waits = false;
        var other = new BlockDriver(disk, memory, events: new ManualEvents());
        other.TakeOver(driver);
        other.Disk.Stop();
        other.Disk.Restore(new StateReader("virtio-blk0", 1, writer.WrittenMemory));
        other.Mmio.Registers.Restore(new StateReader("virtio-blk0-mmio", 1, transport.WrittenMemory));
        other.Disk.Start();
        var used = other.TakeUsed();
        Assert.Equal(2, used.Count);
        Assert.All(used, each => Assert.Equal(Ok, each.Status));
        Assert.Equal(data, used.Single(each => each.Request == read).Data);
        var stored = new byte[4096];
        Assert.True(ram.ReadAsync(4096, [stored]).IsCompletedSuccessfully);
        Assert.Equal(data, stored);
        Assert.Equal(Ok, other.Do(Flush, 0, []).Status);
    }

    [Fact]
    public void A_pause_and_a_resume_begin_cancelled_requests_again()
    {
        var disk = new SteppedDisk(new RamDisk(SizeBytes));
        var driver = new BlockDriver(disk).Begin();
        using var memory = driver.Memory;
        driver.Submit(Read, 0, [], 512);
        driver.Disk.Stop();
        Assert.Empty(driver.TakeUsed());
        driver.Disk.Start();
        Assert.Equal(1, disk.WaitingCount);
        disk.Release();
        driver.Mmio.Events.RunUntil(() => driver.TakeUsed().Count == 1);
    }

    [Property(MaxTest = 200)]
    public void Altered_states_are_refused_or_work(FsCheck.DoNotSize<ushort>[] positions, byte value)
    {
        var disk = new SteppedDisk(new RamDisk(SizeBytes));
        var driver = new BlockDriver(disk).Begin();
        using var memory = driver.Memory;
        driver.Submit(Read, 0, [], 512);
        driver.Disk.Stop();
        var writer = new StateWriter();
        driver.Disk.Save(writer);
        var state = writer.WrittenMemory.ToArray();
        foreach (var position in positions)
        {
            state[position.Item % state.Length] = value;
        }

        disk.Waits = false;
        var other = new BlockDriver(disk, memory, events: new ManualEvents());
        other.Disk.Stop();
        try
        {
            other.Disk.Restore(new StateReader("virtio-blk0", 1, state));
        }
        catch (StateFormatException)
        {
            return;
        }

        other.Disk.Start();
        other.Mmio.Kick();
        other.Mmio.Events.RunAll();
        other.Disk.Stop();
    }

    private static byte[] Range(ulong sector, uint sectors, uint flags)
    {
        var range = new byte[16];
        BinaryPrimitives.WriteUInt64LittleEndian(range, sector);
        BinaryPrimitives.WriteUInt32LittleEndian(range.AsSpan(8), sectors);
        BinaryPrimitives.WriteUInt32LittleEndian(range.AsSpan(12), flags);
        return range;
    }
}
