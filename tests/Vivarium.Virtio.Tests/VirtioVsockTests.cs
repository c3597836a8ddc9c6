using FsCheck.Xunit;
using Vivarium.Virtio.Tests.Fakes;
using Buffer = Vivarium.Virtio.Tests.Fakes.Buffer;

namespace Vivarium.Virtio.Tests;

public sealed class VirtioVsockTests
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_host_connects_writes_and_reads()
    {
        var driver = new VsockDriver().Begin();
        using var memory = driver.Memory;
        var connecting = driver.Device.ConnectAsync(1234, Cancelled);
        var request = driver.TakeOne(VsockOperation.Request);
        Assert.Equal((2UL, 3UL, 1234u, 1), (request.SourceCid, request.DestinationCid, request.DestinationPort, request.Type));
        driver.Send(VsockOperation.Response, 1234, request.SourcePort, credit: 6000);
        await using var stream = await connecting;

        // No more than the guest has room for, until it says that it has more.
        var text = Enumerable.Range(0, 10_000).Select(i => (byte)(i * 3)).ToArray();
        await stream.WriteAsync(text, Cancelled);
        var sent = driver.Take();
        Assert.Equal(6000, sent.Sum(each => each.Data.Length));
        driver.Send(VsockOperation.CreditUpdate, 1234, request.SourcePort, credit: 6000, forwarded: 5000);
        sent.AddRange(driver.Take());
        Assert.Equal(text, sent.SelectMany(each => each.Data));
        Assert.All(sent, each => Assert.Equal(each.Data.Length, (int)each.Packet.DataBytes));

        driver.Send(VsockOperation.Data, 1234, request.SourcePort, "answer"u8.ToArray());
        var buffer = new byte[100];
        Assert.Equal(6, await stream.ReadAsync(buffer, Cancelled));
        Assert.Equal("answer"u8.ToArray(), buffer[..6]);
    }

    [Fact]
    public async Task The_guest_connects_and_both_sides_close()
    {
        var driver = new VsockDriver().Begin();
        using var memory = driver.Memory;
        using var listener = driver.Device.Listen(50);
        Assert.Throws<InvalidOperationException>(() => driver.Device.Listen(50));
        driver.Send(VsockOperation.Request, 9, 50);
        driver.TakeOne(VsockOperation.Response);
        await using var stream = await listener.AcceptAsync(Cancelled);
        Assert.Equal((50u, 9u), (stream.HostPort, stream.GuestPort));
        driver.Send(VsockOperation.Data, 9, 50, [1, 2, 3]);
        driver.Send(VsockOperation.Shutdown, 9, 50, flags: 2);
        var buffer = new byte[10];
        Assert.Equal(3, await stream.ReadAsync(buffer, Cancelled));
        Assert.Equal(0, await stream.ReadAsync(buffer, Cancelled));
        await stream.WriteAsync(new byte[] { 7 }, Cancelled);
        stream.CompleteWriting();
        var packets = driver.Take();
        Assert.Equal([VsockOperation.Data, VsockOperation.Shutdown], packets.Select(each => each.Packet.Operation));
        Assert.Equal(2u, packets[1].Packet.Flags);
        await Assert.ThrowsAsync<IOException>(async () => await stream.WriteAsync(new byte[1], Cancelled));
        driver.Send(VsockOperation.Shutdown, 9, 50, flags: 3);
        driver.TakeOne(VsockOperation.Reset);
        Assert.Equal(0, _ = await stream.ReadAsync(buffer, Cancelled));
    }

    [Fact]
    public async Task What_nobody_listens_to_is_refused_on_both_sides()
    {
        var driver = new VsockDriver().Begin();
        using var memory = driver.Memory;
        driver.Send(VsockOperation.Request, 9, 50);
        var reset = driver.TakeOne(VsockOperation.Reset);
        Assert.Equal((50u, 9u), (reset.SourcePort, reset.DestinationPort));
        driver.Send(VsockOperation.Request, 9, 50, type: 2);
        driver.TakeOne(VsockOperation.Reset);
        driver.Send(VsockOperation.Request, 9, 50, destination: 77);
        driver.TakeOne(VsockOperation.Reset);
        driver.Send(VsockOperation.Data, 9, 50, [1]);
        driver.TakeOne(VsockOperation.Reset);
        driver.Send(VsockOperation.Request, 9, 50, source: 4);
        driver.Send(VsockOperation.Reset, 9, 50);
        Assert.Empty(driver.Take());

        var connecting = driver.Device.ConnectAsync(1, Cancelled);
        var request = driver.TakeOne(VsockOperation.Request);
        driver.Send(VsockOperation.Reset, 1, request.SourcePort);
        await Assert.ThrowsAsync<IOException>(() => connecting);

        using var source = new CancellationTokenSource();
        connecting = driver.Device.ConnectAsync(1, source.Token);
        driver.TakeOne(VsockOperation.Request);
        source.Cancel();
        driver.TakeOne(VsockOperation.Reset);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => connecting);
    }

    [Fact]
    public async Task A_slow_reader_gives_no_credit_and_a_guest_that_ignores_that_is_reset()
    {
        var driver = new VsockDriver(new VirtioVsockOptions { BufferBytes = 8192 }).Begin();
        using var memory = driver.Memory;
        using var listener = driver.Device.Listen(50);
        driver.Send(VsockOperation.Request, 9, 50);
        Assert.Equal(8192u, driver.TakeOne(VsockOperation.Response).BufferBytes);
        var stream = await listener.AcceptAsync(Cancelled);
        driver.Send(VsockOperation.Data, 9, 50, new byte[4096]);
        driver.Send(VsockOperation.Data, 9, 50, new byte[4096]);
        Assert.Empty(driver.Take());
        driver.Send(VsockOperation.CreditRequest, 9, 50);
        Assert.Equal(0u, driver.TakeOne(VsockOperation.CreditUpdate).ForwardedBytes);
        var buffer = new byte[5000];
        await stream.ReadExactlyAsync(buffer, Cancelled);
        Assert.Equal(5000u, driver.TakeOne(VsockOperation.CreditUpdate).ForwardedBytes);
        driver.Send(VsockOperation.Data, 9, 50, new byte[6000]);
        driver.TakeOne(VsockOperation.Reset);
        await Assert.ThrowsAsync<IOException>(async () => await stream.ReadExactlyAsync(buffer, Cancelled));
    }

    [Fact]
    public void A_guest_that_floods_without_taking_answers_waits()
    {
        var driver = new VsockDriver(new VirtioVsockOptions { MaximumConnections = 10 }).Begin(givesBuffers: false);
        using var memory = driver.Memory;
        using var listener = driver.Device.Listen(50);
        var raw = new byte[VsockPacket.Bytes];
        var taken = 0;
        for (var i = 0u; i < 3000; i++)
        {
            new VsockPacket(3, 2, i, i % 3 == 0 ? 50u : 51u, 0, 1, VsockOperation.Request, 0, 65536, 0).Write(raw);
            memory.TryWrite(0x30_0000 + (i % 256 * 64), raw);
            if (driver.Queues[1].Add([new Buffer(0x30_0000 + (i % 256 * 64), VsockPacket.Bytes, IsWritable: false)]) < 0)
            {
                break;
            }

            driver.Mmio.Kick(1);
            driver.Events.RunAll();
            while (driver.Queues[1].TakeUsed() is not null)
            {
                taken++;
            }
        }

        Assert.InRange(taken, 256, 300);

        // As soon as it takes them, it goes on.
        var answered = 0;
        driver.GiveBuffers();
        for (var i = 0; i < 100; i++)
        {
            answered += driver.Take().Count;
        }

        Assert.InRange(answered, taken + 1, 3000);
    }

    [Fact]
    public async Task A_restored_guest_is_told_that_its_connections_are_gone()
    {
        var driver = new VsockDriver().Begin();
        using var memory = driver.Memory;
        using var listener = driver.Device.Listen(50);
        driver.Send(VsockOperation.Request, 9, 50);
        driver.TakeOne(VsockOperation.Response);
        var stream = await listener.AcceptAsync(Cancelled);
        driver.Queues[2].Add([new Buffer(0x3F_0000, 8, IsWritable: true)]);
        driver.Memory.Write(0x3F_0000, uint.MaxValue);
        driver.Mmio.Kick(2);
        driver.Device.Stop();
        var (device, registers) = (Save(driver.Device), Save(driver.Mmio.Registers));
        driver.Device.Restore(new StateReader("virtio-vsock0", 1, device));
        driver.Mmio.Registers.Restore(new StateReader(driver.Mmio.Registers.StateName, 1, registers));
        await Assert.ThrowsAsync<IOException>(async () => await stream.ReadExactlyAsync(new byte[1], Cancelled));
        Assert.Null(driver.Queues[2].TakeUsed());
        driver.Device.Start();
        driver.Events.RunAll();
        driver.Mmio.Kick(2);
        Assert.Equal(4u, driver.Queues[2].TakeUsed()!.Value.WrittenBytes);
        Assert.Equal(0u, memory.Read<uint>(0x3F_0000));

        var other = new VsockDriver(new VirtioVsockOptions { GuestCid = 9 }, memory);
        Assert.Throws<StateFormatException>(() => other.Device.Restore(new StateReader("virtio-vsock0", 1, device)));
    }

    [Fact]
    public async Task Connecting_before_there_is_a_driver_fails_at_once()
    {
        var driver = new VsockDriver();
        using var memory = driver.Memory;
        var connecting = driver.Device.ConnectAsync(1, Cancelled);
        driver.Events.RunAll();
        await Assert.ThrowsAsync<IOException>(() => connecting);
        Assert.Throws<ArgumentException>(() => new VsockDriver(new VirtioVsockOptions { GuestCid = 2 }));
    }

    [Property(MaxTest = 200)]
    public void Any_packets_leave_the_device_working((ushort Operation, byte Ports, uint Says, byte Flags, uint Credit, uint Forwarded, byte[] Data)[] packets)
    {
        var driver = new VsockDriver(new VirtioVsockOptions { BufferBytes = 4096, MaximumConnections = 4 }).Begin();
        using var memory = driver.Memory;
        using var listener = driver.Device.Listen(1);
        foreach (var (operation, ports, says, flags, credit, forwarded, data) in packets)
        {
            driver.Send((VsockOperation)(operation % 9), ports % 3u, (uint)(ports / 3 % 3), data, credit, forwarded, flags, says: flags % 2 == 0 ? says : null);
            driver.Take();
            var accepting = listener.AcceptAsync(Cancelled);
            if (accepting.IsCompletedSuccessfully)
            {
                try
                {
                    accepting.Result.Write(new byte[ports]);
                }
                catch (IOException)
                {
                }
            }
            else
            {
                _ = accepting.AsTask().ContinueWith(task => _ = task.Exception, TaskScheduler.Default);
            }
        }

        driver.Take();
        Assert.Equal(VirtioStatus.None, driver.Device.Status & VirtioStatus.DeviceNeedsReset);
        driver.Send(VsockOperation.Request, 1000, 77);
        driver.TakeOne(VsockOperation.Reset);
    }

    private static byte[] Save(IStateUnit unit)
    {
        var writer = new StateWriter();
        unit.Save(writer);
        return writer.WrittenMemory.ToArray();
    }
}
