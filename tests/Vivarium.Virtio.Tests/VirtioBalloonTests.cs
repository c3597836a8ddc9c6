using System.Buffers.Binary;
using System.Runtime.InteropServices;
using FsCheck.Xunit;
using Vivarium.Memory;
using Vivarium.Virtio.Tests.Fakes;
using Buffer = Vivarium.Virtio.Tests.Fakes.Buffer;

namespace Vivarium.Virtio.Tests;

public sealed class VirtioBalloonTests
{
    private const ulong Statistics = 1 << 1;
    private const ulong Poison = 1 << 4;
    private const ulong Reporting = 1 << 5;
    private const ulong BufferGpa = 0x20_0000;
    private const uint FirstPage = 0x300;

    [Fact]
    public void Inflated_pages_read_as_zero_and_their_code_is_stale()
    {
        var (driver, balloon) = Create(out var memory);
        using var scope = memory;
        var queue = driver.Begin()[0];
        var listener = new Listener();
        memory.AddCodeListener(listener);
        Fill(memory, FirstPage, 6);
        memory.MarkCode(Gpa(FirstPage + 1), 16);
        memory.MarkCode(Gpa(FirstPage + 5), 16);

        // In any order, one twice, and one that is no memory.
        Inflate(queue, driver, [FirstPage + 2, FirstPage, FirstPage + 1, FirstPage + 1, FirstPage + 4, 0xFFFF_FFFF]);
        Assert.NotNull(queue.TakeUsed());
        Assert.Equal([0, 0, 0, 0xAB, 0, 0xAB], Enumerable.Range(0, 6).Select(i => (int)memory.Read<byte>(Gpa(FirstPage + (uint)i) + 77)));
        Assert.Equal([Gpa(FirstPage + 1)], listener.Pages);
        Assert.Equal(4 * 4096, balloon.ReturnedBytes);
    }

    [Fact]
    public void A_page_that_a_fork_shares_becomes_zero_in_that_fork_alone()
    {
        using var origin = MmioDriver.CreateMemory();
        Fill(origin, FirstPage, 2);
        using var template = origin.Seal();
        using var memory = GuestMemory.Fork(template);
        Assert.Equal(0xAB, memory.Read<byte>(Gpa(FirstPage)));
        var events = new ManualEvents();
        var driver = new MmioDriver(memory, events, new VirtioBalloon(new VirtioServices(memory, events), "virtio-balloon0"));
        Inflate(driver.Begin()[0], driver, [FirstPage]);
        Assert.Equal(0, memory.Read<byte>(Gpa(FirstPage)));
        Assert.Equal(0xAB, memory.Read<byte>(Gpa(FirstPage + 1)));
        Assert.Equal(0xAB, origin.Read<byte>(Gpa(FirstPage)));
    }

    [Theory]
    [InlineData(2, false)]
    [InlineData(3, true)]
    [InlineData(4, true)]
    public void Reported_pages_go_back_to_the_host(int queueIndex, bool hasStatistics)
    {
        var (driver, balloon) = Create(out var memory);
        using var scope = memory;
        var queue = driver.Begin(Reporting | (hasStatistics ? Statistics : 0))[queueIndex];
        Fill(memory, FirstPage, 16);
        queue.Add([new Buffer(Gpa(FirstPage), 8 * 4096, IsWritable: true), new Buffer(Gpa(FirstPage + 12), 4096 + 2048, IsWritable: true)]);
        driver.Kick(queueIndex);
        Assert.Equal(0u, queue.TakeUsed()!.Value.WrittenBytes);
        for (var i = 0u; i < 16; i++)
        {
            Assert.Equal(i is < 8 or 12 ? 0 : 0xAB, memory.Read<byte>(Gpa(FirstPage + i) + 4000));
        }

        Assert.Equal(9 * 4096, balloon.ReturnedBytes);
    }

    [Fact]
    public void A_guest_that_poisons_free_pages_finds_its_pattern_again()
    {
        var (driver, balloon) = Create(out var memory);
        using var scope = memory;
        var queue = driver.Begin(Reporting | Statistics | Poison)[4];
        driver.Write(0x100 + 12, 0xAAAA_AAAA);
        Fill(memory, FirstPage, 1);
        queue.Add([new Buffer(Gpa(FirstPage), 4096, IsWritable: true)]);
        driver.Kick(4);
        Assert.NotNull(queue.TakeUsed());
        Assert.Equal(0xAB, memory.Read<byte>(Gpa(FirstPage)));
        Assert.Equal(0, balloon.ReturnedBytes);
    }

    [Fact]
    public void The_target_is_shown_and_what_the_driver_has_done_is_told()
    {
        var (driver, balloon) = Create(out var memory, new VirtioBalloonOptions { TargetBytes = 5 * 4096 });
        using var scope = memory;
        driver.Begin();
        Assert.Equal(5u, driver.Read(0x100));
        balloon.SetTarget((7 * 4096) + 1);
        driver.Events.RunAll();
        Assert.Equal(2u, driver.TakeInterrupt());
        Assert.Equal(7u, driver.Read(0x100));
        Assert.Equal(7 * 4096, balloon.TargetBytes);
        driver.Write(0x104, 6);
        Assert.Equal(6 * 4096, balloon.InflatedBytes);

        // The target is the host's.
        driver.Write(0x100, 1);
        Assert.Equal(7u, driver.Read(0x100));
        Assert.Throws<ArgumentException>(() => balloon.SetTarget(-1));
        Assert.Throws<ArgumentException>(() => balloon.SetTarget(1L << 45));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Statistics_are_asked_for_and_read_also_behind_a_restore(bool isRestored)
    {
        var (driver, balloon) = Create(out var memory);
        using var scope = memory;
        var queue = driver.Begin(Statistics)[2];
        SendStatistics(driver, queue, (4, 111), (5, 222));
        Assert.Null(queue.TakeUsed());
        if (isRestored)
        {
            balloon.Stop();
            (driver, balloon) = Restore(driver, memory, Save(balloon), Save(driver.Registers));
        }

        var reading = balloon.ReadStatisticsAsync(TestContext.Current.CancellationToken);
        driver.Events.RunAll();
        Assert.NotNull(queue.TakeUsed());
        Assert.False(reading.IsCompleted);
        SendStatistics(driver, queue, (4, 333), (5, 444), (6, 555), (99, 1));
        var statistics = await reading;
        Assert.Equal((333UL, 444UL, 555UL, null), (statistics.FreeBytes, statistics.TotalBytes, statistics.AvailableBytes, statistics.SwapInBytes));
        Assert.Null(queue.TakeUsed());
    }

    [Fact]
    public async Task A_reset_ends_the_wait_for_statistics()
    {
        var (driver, balloon) = Create(out var memory);
        using var scope = memory;
        driver.Begin(Statistics);
        var reading = balloon.ReadStatisticsAsync(TestContext.Current.CancellationToken);
        driver.Events.RunAll();
        driver.Write(0x070, 0);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reading);
    }

    [Property(MaxTest = 100)]
    public void Any_bytes_in_any_queue_leave_the_rest_of_memory_alone(byte[] bytes, byte queueIndex, bool writable)
    {
        var (driver, balloon) = Create(out var memory);
        using var scope = memory;
        var queues = driver.Begin(Statistics | Reporting);
        Fill(memory, FirstPage, 1);
        var content = bytes.Length == 0 ? [1] : bytes;
        memory.TryWrite(BufferGpa, content);
        queues[queueIndex % 5].Add([new Buffer(BufferGpa, (uint)content.Length, writable)]);
        driver.Kick(queueIndex % 5);
        driver.Events.RunAll();
        Assert.Equal(VirtioStatus.None, balloon.Status & VirtioStatus.DeviceNeedsReset);
        var named = Enumerable.Range(0, content.Length / 4).Any(i => BinaryPrimitives.ReadUInt32LittleEndian(content.AsSpan(4 * i)) == FirstPage);
        Assert.Equal(named && !writable && queueIndex % 5 == 0 ? 0 : 0xAB, memory.Read<byte>(Gpa(FirstPage)));
    }

    [Property(MaxTest = 200)]
    public void Altered_states_are_refused_or_work(FsCheck.DoNotSize<ushort>[] positions, byte value)
    {
        var (driver, balloon) = Create(out var memory);
        using var scope = memory;
        SendStatistics(driver, driver.Begin(Statistics)[2], (4, 1));
        balloon.Stop();
        var state = Save(balloon);
        foreach (var position in positions)
        {
            state[position.Item % state.Length] = value;
        }

        try
        {
            var (other, restored) = Restore(driver, memory, state, Save(driver.Registers));
            _ = restored.ReadStatisticsAsync(TestContext.Current.CancellationToken);
            other.Events.RunAll();
            other.Kick();
        }
        catch (StateFormatException)
        {
        }
    }

    private static (MmioDriver Driver, VirtioBalloon Balloon) Create(out GuestMemory memory, VirtioBalloonOptions? options = null)
    {
        memory = MmioDriver.CreateMemory();
        var events = new ManualEvents();
        var balloon = new VirtioBalloon(new VirtioServices(memory, events), "virtio-balloon0", options);
        return (new MmioDriver(memory, events, balloon), balloon);
    }

    private static (MmioDriver Driver, VirtioBalloon Balloon) Restore(MmioDriver from, GuestMemory memory, byte[] state, byte[] registers)
    {
        var events = new ManualEvents();
        var balloon = new VirtioBalloon(new VirtioServices(memory, events), "virtio-balloon0");
        var driver = new MmioDriver(memory, events, balloon);
        balloon.Stop();
        balloon.Restore(new StateReader("virtio-balloon0", 1, state));
        driver.Registers.Restore(new StateReader(from.Registers.StateName, 1, registers));
        balloon.Start();
        return (driver, balloon);
    }

    private static byte[] Save(IStateUnit unit)
    {
        var writer = new StateWriter();
        unit.Save(writer);
        return writer.WrittenMemory.ToArray();
    }

    private static void Inflate(DriverQueue queue, MmioDriver driver, uint[] pages)
    {
        driver.Memory.TryWrite(BufferGpa, MemoryMarshal.AsBytes(pages.AsSpan()));
        queue.Add([new Buffer(BufferGpa, (uint)pages.Length * 4, IsWritable: false)]);
        driver.Kick();
    }

    private static void SendStatistics(MmioDriver driver, DriverQueue queue, params (ushort Tag, ulong Value)[] entries)
    {
        for (var i = 0; i < entries.Length; i++)
        {
            driver.Memory.Write(BufferGpa + (10 * (ulong)i), entries[i].Tag);
            driver.Memory.Write(BufferGpa + (10 * (ulong)i) + 2, entries[i].Value);
        }

        queue.Add([new Buffer(BufferGpa, 10 * (uint)entries.Length, IsWritable: false)]);
        driver.Kick(2);
    }

    private static ulong Gpa(uint page) => (ulong)page << 12;

    private static void Fill(GuestMemory memory, uint page, int count)
    {
        var content = new byte[4096];
        content.AsSpan().Fill(0xAB);
        for (var i = 0u; i < count; i++)
        {
            memory.TryWrite(Gpa(page + i), content);
        }
    }

    private sealed class Listener : ICodePageListener
    {
        public List<ulong> Pages { get; } = [];

        public void OnCodePageInvalidated(ulong gpa) => Pages.Add(gpa);
    }
}
