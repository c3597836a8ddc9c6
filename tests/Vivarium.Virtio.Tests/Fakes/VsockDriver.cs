using Vivarium.Memory;

namespace Vivarium.Virtio.Tests.Fakes;

/// <summary>A driver of a vsock device: gives buffers, sends packets, and takes those of the device.</summary>
internal sealed class VsockDriver
{
    public const ulong Guest = 3;
    public const int BufferBytes = 4096;
    private const ulong ReceiveGpa = 0x20_0000;
    private const ulong SendGpa = 0x30_0000;
    private readonly Dictionary<int, ulong> _buffers = [];
    private readonly Stack<ulong> _free = new(Enumerable.Range(0, 32).Select(i => ReceiveGpa + ((ulong)i * BufferBytes)));

    public VsockDriver(VirtioVsockOptions? options = null, GuestMemory? memory = null)
    {
        Memory = memory ?? MmioDriver.CreateMemory();
        Events = new ManualEvents();
        Device = new VirtioVsock(new VirtioServices(Memory, Events), "virtio-vsock0", options);
        Mmio = new MmioDriver(Memory, Events, Device);
    }

    public GuestMemory Memory { get; }

    public ManualEvents Events { get; }

    public VirtioVsock Device { get; }

    public MmioDriver Mmio { get; }

    public DriverQueue[] Queues { get; set; } = [];

    public VsockDriver Begin(bool givesBuffers = true)
    {
        Queues = Mmio.Begin();
        if (givesBuffers)
        {
            GiveBuffers();
        }

        return this;
    }

    public void GiveBuffers()
    {
        while (_free.TryPop(out var gpa))
        {
            _buffers.Add(Queues[0].Add([new Buffer(gpa, BufferBytes, IsWritable: true)]), gpa);
        }

        Mmio.Kick(0);
    }

    public void Send(
        VsockOperation operation, uint guestPort, uint hostPort, byte[]? data = null, uint credit = 65536, uint forwarded = 0, uint flags = 0, ulong source = Guest, ulong destination = 2, ushort type = 1, uint? says = null)
    {
        data ??= [];
        var raw = new byte[VsockPacket.Bytes + data.Length];
        new VsockPacket(source, destination, guestPort, hostPort, says ?? (uint)data.Length, type, operation, flags, credit, forwarded).Write(raw);
        data.CopyTo(raw, VsockPacket.Bytes);
        Memory.TryWrite(SendGpa, raw);
        Queues[1].Add([new Buffer(SendGpa, (uint)raw.Length, IsWritable: false)]);
        Mmio.Kick(1);
        while (Queues[1].TakeUsed() is not null)
        {
        }
    }

    /// <summary>The packets that the device sent, and gives it new buffers.</summary>
    public List<(VsockPacket Packet, byte[] Data)> Take(bool givesBuffers = true)
    {
        Events.RunAll();
        var all = new List<(VsockPacket, byte[])>();
        while (Queues[0].TakeUsed() is { } used)
        {
            _buffers.Remove(used.Token, out var gpa);
            var raw = new byte[used.WrittenBytes];
            Memory.TryRead(gpa, raw);
            all.Add((VsockPacket.Parse(raw), raw[VsockPacket.Bytes..]));
            _free.Push(gpa);
        }

        if (givesBuffers && all.Count > 0)
        {
            GiveBuffers();
        }

        return all;
    }

    public VsockPacket TakeOne(VsockOperation operation)
    {
        var (packet, _) = Assert.Single(Take());
        Assert.Equal(operation, packet.Operation);
        return packet;
    }
}
