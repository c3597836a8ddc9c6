using System.Buffers.Binary;
using System.Text;
using FsCheck.Xunit;
using Vivarium.Memory;
using Vivarium.Virtio.Tests.Fakes;
using Buffer = Vivarium.Virtio.Tests.Fakes.Buffer;

namespace Vivarium.Virtio.Tests;

public sealed class VirtioConsoleTests
{
    private const ulong MultiPort = 1 << 1;
    private const ulong OutGpa = 0x20_0000;
    private const ulong InGpa = 0x28_0000;
    private const ulong ControlGpa = 0x30_0000;

    private static VirtioConsoleOptions Options => new()
    {
        Columns = 132,
        Rows = 43,
        Ports = [new VirtioConsolePortOptions(), new VirtioConsolePortOptions { Name = "org.example.agent", IsConsole = false }],
    };

    [Fact]
    public async Task A_driver_without_many_ports_has_a_console()
    {
        var (driver, console) = Create(out var memory);
        using var scope = memory;
        var queues = driver.Begin();
        Assert.Equal(132u | (43u << 16), driver.Read(0x100));
        Send(driver, queues, 1, "hello");
        Assert.NotNull(queues[1].TakeUsed());
        Assert.Equal("hello", await ReadAsync(console.Ports[0]));
        await console.Ports[0].Input.WriteAsync("typed"u8.ToArray(), TestContext.Current.CancellationToken);
        driver.Events.RunAll();
        queues[0].Add([new Buffer(InGpa, 3, IsWritable: true)]);
        queues[0].Add([new Buffer(InGpa + 64, 64, IsWritable: true)]);
        driver.Kick(0);
        Assert.Equal(3u, queues[0].TakeUsed()!.Value.WrittenBytes);
        Assert.Equal(2u, queues[0].TakeUsed()!.Value.WrittenBytes);
        Assert.Equal("typ", ReadGuest(memory, InGpa, 3));
        Assert.Equal("ed", ReadGuest(memory, InGpa + 64, 2));
    }

    [Fact]
    public void A_driver_with_many_ports_is_told_of_each()
    {
        var (driver, console) = Create(out var memory);
        using var scope = memory;
        var queues = driver.Begin(MultiPort);
        for (var i = 0; i < 20; i++)
        {
            queues[2].Add([new Buffer(ControlGpa + (64 * (ulong)i), 64, IsWritable: true)]);
        }

        Control(driver, queues, 0, 0, 1);
        Assert.Equal([(0u, 1, 1, ""), (1u, 1, 1, "")], TakeControl(memory, queues[2]));
        Control(driver, queues, 1, 3, 1);
        Assert.Equal([(1u, 7, 1, "org.example.agent\0"), (1u, 6, 1, "")], TakeControl(memory, queues[2]));
        Control(driver, queues, 0, 3, 1);
        Assert.Equal([(0u, 4, 1, ""), (0u, 5, 0, "\u0084\0+\0"), (0u, 6, 1, "")], TakeControl(memory, queues[2]));
        Assert.False(console.Ports[1].IsOpen);
        Control(driver, queues, 1, 6, 1);
        Assert.True(console.Ports[1].IsOpen);
        driver.TakeInterrupt();
        console.Resize(100, 30);
        driver.Events.RunAll();
        Assert.Equal([(0u, 5, 0, "d\0\u001e\0")], TakeControl(memory, queues[2]));
        Assert.Equal(100u | (30u << 16), driver.Read(0x100));
        Assert.Equal(3u, driver.TakeInterrupt());
    }

    [Fact]
    public async Task A_channel_waits_for_its_reader_and_a_console_does_not()
    {
        var (driver, console) = Create(out var memory);
        using var scope = memory;
        var queues = driver.Begin(MultiPort);
        var text = new byte[0x1_4000];
        new Random(3).NextBytes(text);
        Assert.True(memory.TryWrite(OutGpa, text));
        queues[1].Add([new Buffer(OutGpa, (uint)text.Length, IsWritable: false)]);
        driver.Kick(1);
        Assert.NotNull(queues[1].TakeUsed());
        Assert.Equal(text.Length - 65536, console.Ports[0].DroppedBytes);

        queues[5].Add([new Buffer(OutGpa, (uint)text.Length, IsWritable: false)]);
        driver.Kick(5);
        Assert.Null(queues[5].TakeUsed());
        var read = new List<byte>();
        var buffer = new byte[5000];
        while (read.Count < text.Length)
        {
            read.AddRange(buffer[..await console.Ports[1].Output.ReadAsync(buffer, TestContext.Current.CancellationToken)]);
            driver.Events.RunAll();
        }

        Assert.Equal(text, read);
        Assert.NotNull(queues[5].TakeUsed());
        Assert.Equal(0, console.Ports[1].DroppedBytes);
    }

    [Fact]
    public async Task A_buffer_half_taken_survives_a_save_and_restore()
    {
        var (driver, console) = Create(out var memory);
        using var scope = memory;
        var queues = driver.Begin(MultiPort);
        var text = Enumerable.Range(0, 0x1_2000).Select(i => (byte)(i * 7)).ToArray();
        Assert.True(memory.TryWrite(OutGpa, text));
        queues[5].Add([new Buffer(OutGpa, (uint)text.Length, IsWritable: false)]);
        driver.Kick(5);
        Control(driver, queues, 0, 0, 1);
        console.Stop();
        var (other, restored) = Restore(driver, memory, Save(console));
        var buffer = new byte[0x1_2000];
        var read = await restored.Ports[1].Output.ReadAtLeastAsync(buffer, 0x2000, cancellationToken: TestContext.Current.CancellationToken);
        other.Events.RunAll();
        Assert.NotNull(queues[5].TakeUsed());
        Assert.Equal(text[0x1_0000..], buffer[..read]);
        queues[2].Add([new Buffer(ControlGpa + 0x100, 64, IsWritable: true)]);
        other.Kick(2);
        Assert.Equal((0u, 1, 1, ""), Assert.Single(TakeControl(memory, queues[2], 0x100)));
    }

    [Property(MaxTest = 200)]
    public void Any_buffers_leave_the_device_working(byte[] content, byte[] order, bool multiPort)
    {
        var (driver, console) = Create(out var memory);
        using var scope = memory;
        var queues = driver.Begin(multiPort ? MultiPort : 0, indirect: true);
        memory.TryWrite(OutGpa, content);
        foreach (var each in order.Take(40))
        {
            var queue = each % 6;
            var length = (uint)Math.Max(1, content.Length - (each / 8));
            queues[queue].Add([new Buffer(OutGpa, length, IsWritable: queue % 2 == 0)]);
            driver.Kick(queue);
            console.Ports[1].Input.Write(new byte[each]);
            driver.Events.RunAll();
        }

        Assert.Equal(VirtioStatus.None, console.Status & VirtioStatus.DeviceNeedsReset);
    }

    [Property(MaxTest = 200)]
    public void Altered_states_are_refused_or_work(FsCheck.DoNotSize<ushort>[] positions, byte value)
    {
        var (driver, console) = Create(out var memory);
        using var scope = memory;
        var queues = driver.Begin(MultiPort);
        queues[5].Add([new Buffer(OutGpa, 0x1_2000, IsWritable: false)]);
        driver.Kick(5);
        Control(driver, queues, 0, 0, 1);
        console.Stop();
        var state = Save(console);
        foreach (var position in positions)
        {
            state[position.Item % state.Length] = value;
        }

        try
        {
            var (other, _) = Restore(driver, memory, state);
            other.Kick(1);
            other.Events.RunAll();
        }
        catch (StateFormatException)
        {
        }
    }

    private static (MmioDriver Driver, VirtioConsole Console) Create(out GuestMemory memory)
    {
        memory = MmioDriver.CreateMemory();
        var events = new ManualEvents();
        var console = new VirtioConsole(new VirtioServices(memory, events), "virtio-console0", Options);
        return (new MmioDriver(memory, events, console), console);
    }

    private static (MmioDriver Driver, VirtioConsole Console) Restore(MmioDriver from, GuestMemory memory, byte[] state)
    {
        var registers = Save(from.Registers);
        var events = new ManualEvents();
        var console = new VirtioConsole(new VirtioServices(memory, events), "virtio-console0", Options);
        var driver = new MmioDriver(memory, events, console);
        console.Stop();
        console.Restore(new StateReader("virtio-console0", 1, state));
        driver.Registers.Restore(new StateReader(from.Registers.StateName, 1, registers));
        console.Start();
        return (driver, console);
    }

    private static byte[] Save(IStateUnit unit)
    {
        var writer = new StateWriter();
        unit.Save(writer);
        return writer.WrittenMemory.ToArray();
    }

    private static void Send(MmioDriver driver, DriverQueue[] queues, int queue, string text)
    {
        driver.Memory.TryWrite(OutGpa, Encoding.ASCII.GetBytes(text));
        queues[queue].Add([new Buffer(OutGpa, (uint)text.Length, IsWritable: false)]);
        driver.Kick(queue);
    }

    private static void Control(MmioDriver driver, DriverQueue[] queues, uint port, ushort message, ushort value)
    {
        driver.Memory.Write(OutGpa + 0x8000, port);
        driver.Memory.Write(OutGpa + 0x8004, message);
        driver.Memory.Write(OutGpa + 0x8006, value);
        queues[3].Add([new Buffer(OutGpa + 0x8000, 8, IsWritable: false)]);
        driver.Kick(3);
        Assert.NotNull(queues[3].TakeUsed());
    }

    private ulong _next;

    private List<(uint Port, int Event, int Value, string More)> TakeControl(GuestMemory memory, DriverQueue queue, ulong? at = null)
    {
        var all = new List<(uint, int, int, string)>();
        while (queue.TakeUsed() is { } used)
        {
            var raw = new byte[used.WrittenBytes];
            memory.TryRead(ControlGpa + (at ?? (64 * _next++)), raw);
            all.Add((
                BinaryPrimitives.ReadUInt32LittleEndian(raw),
                BinaryPrimitives.ReadUInt16LittleEndian(raw.AsSpan(4)),
                BinaryPrimitives.ReadUInt16LittleEndian(raw.AsSpan(6)),
                Encoding.Latin1.GetString(raw.AsSpan(8))));
        }

        return all;
    }

    private static string ReadGuest(GuestMemory memory, ulong gpa, int length)
    {
        var raw = new byte[length];
        memory.TryRead(gpa, raw);
        return Encoding.ASCII.GetString(raw);
    }

    private static async Task<string> ReadAsync(VirtioConsolePort port)
    {
        var buffer = new byte[100];
        return Encoding.ASCII.GetString(buffer, 0, await port.Output.ReadAsync(buffer, TestContext.Current.CancellationToken));
    }
}
