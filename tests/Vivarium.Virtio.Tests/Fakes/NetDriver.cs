using Vivarium.Memory;

namespace Vivarium.Virtio.Tests.Fakes;

/// <summary>A driver of a network device: sends frames, offers buffers, gives commands.</summary>
internal sealed class NetDriver
{
    public const ulong Checksum = 1UL << 0;
    public const ulong GuestChecksum = 1UL << 1;
    public const ulong GuestOffloads = 1UL << 2;
    public const ulong GuestTso4 = 1UL << 7;
    public const ulong HostTso4 = 1UL << 11;
    public const ulong HostTso6 = 1UL << 12;
    public const ulong Mergeable = 1UL << 15;
    public const ulong MultiQueue = 1UL << 22;
    public const ulong HostUso = 1UL << 56;
    public const ulong Everything = ulong.MaxValue & ~(0xFFUL << 28);
    public const int HeaderBytes = 12;

    private const ulong DataGpa = 0x28_0000;
    private const ulong CommandGpa = 0x27_0000;
    private const ulong SlotBytes = 0x1_2000;
    private readonly Stack<int> _free = new(Enumerable.Range(0, 20).Reverse());
    private readonly Dictionary<(int Queue, int Token), (int Slot, List<Buffer> Buffers)> _offered = [];

    public NetDriver(VirtioNetOptions? options = null, GuestMemory? memory = null, ManualEvents? events = null)
    {
        memory ??= MmioDriver.CreateMemory();
        events ??= new ManualEvents();
        Device = new VirtioNet(new VirtioServices(memory, events), "virtio-net0", Pool, options ?? new VirtioNetOptions { QueueSize = 16 });
        Device.Connect(Network);
        Mmio = new MmioDriver(memory, events, Device);
    }

    public FramePool Pool { get; } = new();

    public VirtioNet Device { get; }

    public FrameRecorder Network { get; } = new();

    public MmioDriver Mmio { get; }

    public GuestMemory Memory => Mmio.Memory;

    public DriverQueue[] Queues { get; private set; } = [];

    public NetDriver Begin(ulong features = Everything, bool packed = false, bool indirect = true, bool eventIndex = false)
    {
        Queues = Mmio.Begin(features & Device.OfferedFeatures & Everything, packed: packed, indirect: indirect, eventIndex: eventIndex);
        return this;
    }

    public void TakeOver(NetDriver other)
    {
        Queues = other.Queues;
        foreach (var (key, offered) in other._offered)
        {
            _offered.Add(key, offered);
        }
    }

    /// <summary>Offers a frame with its header to a transmit queue, cut into segments; false if there is no room.</summary>
    public bool TrySend(byte[] header, byte[] frame, int segmentBytes = 100_000, int pair = 0)
    {
        if (!_free.TryPop(out var slot))
        {
            return false;
        }

        var gpa = DataGpa + ((ulong)slot * SlotBytes);
        byte[] all = [.. header, .. frame];
        Assert.True(Memory.TryWrite(gpa, all));
        var buffers = new List<Buffer>();
        for (var offset = 0; offset < all.Length; offset += segmentBytes)
        {
            buffers.Add(new Buffer(gpa + (ulong)offset, (uint)Math.Min(segmentBytes, all.Length - offset), IsWritable: false));
        }

        return Offer((2 * pair) + 1, slot, buffers);
    }

    /// <summary>Offers a buffer for frames; false if there is no room.</summary>
    public bool TryOffer(int sizeBytes, int segmentBytes = 100_000, int pair = 0)
    {
        if (!_free.TryPop(out var slot))
        {
            return false;
        }

        var buffers = new List<Buffer>();
        for (var offset = 0; offset < sizeBytes; offset += segmentBytes)
        {
            buffers.Add(new Buffer(DataGpa + ((ulong)slot * SlotBytes) + (ulong)offset, (uint)Math.Min(segmentBytes, sizeBytes - offset), IsWritable: true));
        }

        return Offer(2 * pair, slot, buffers);
    }

    public void Kick(int queue)
    {
        Mmio.Kick(queue);
        Mmio.Events.RunAll();
    }

    /// <summary>Takes back what was sent; how many frames.</summary>
    public int TakeSent(int pair = 0)
    {
        var count = 0;
        while (Queues[(2 * pair) + 1].TakeUsed() is { } used)
        {
            Assert.True(_offered.Remove(((2 * pair) + 1, used.Token), out var offered));
            _free.Push(offered.Slot);
            Assert.Equal(0u, used.WrittenBytes);
            count++;
        }

        return count;
    }

    /// <summary>Takes frames out of the receive queue, put together from as many buffers as their headers say.</summary>
    public List<(byte[] Header, byte[] Data)> TakeReceived(int pair = 0)
    {
        var frames = new List<(byte[], byte[])>();
        while (TakePiece(pair) is { } first)
        {
            var header = first[..HeaderBytes];
            var data = new List<byte>(first[HeaderBytes..]);
            for (var i = 1; i < BitConverter.ToUInt16(header, 10); i++)
            {
                data.AddRange(TakePiece(pair) ?? throw new InvalidOperationException("The header says more buffers than there are."));
            }

            frames.Add((header, [.. data]));
        }

        return frames;
    }

    /// <summary>Gives a command to the control queue; what the device answers.</summary>
    public byte Command(byte kind, byte command, params byte[] arguments)
    {
        Memory.TryWrite(CommandGpa, [kind, command, .. arguments, 0xEE]);
        var queue = (DriverFeatures & MultiQueue) != 0 ? Queues.Length - 1 : 2;
        Queues[queue].Add(
        [
            new Buffer(CommandGpa, 2, IsWritable: false),
            .. arguments.Length == 0 ? Array.Empty<Buffer>() : [new Buffer(CommandGpa + 2, (uint)arguments.Length, IsWritable: false)],
            new Buffer(CommandGpa + 2 + (ulong)arguments.Length, 1, IsWritable: true),
        ]);
        Kick(queue);
        Assert.NotNull(Queues[queue].TakeUsed());
        return Memory.Read<byte>(CommandGpa + 2 + (ulong)arguments.Length);
    }

    /// <summary>The network sends a frame to the guest.</summary>
    public void Arrive(byte[] data, FrameOffload offload = default)
    {
        var frame = Pool.Rent(data.Length);
        data.CopyTo(frame.Span);
        frame.Offload = offload;
        Device.Input.Send([frame]);
    }

    private ulong DriverFeatures => Device.DriverFeatures;

    private bool Offer(int queue, int slot, List<Buffer> buffers)
    {
        var token = Queues[queue].Add(buffers);
        if (token < 0)
        {
            _free.Push(slot);
            return false;
        }

        _offered.Add((queue, token), (slot, buffers));
        return true;
    }

    private byte[]? TakePiece(int pair)
    {
        if (Queues[2 * pair].TakeUsed() is not { } used)
        {
            return null;
        }

        Assert.True(_offered.Remove((2 * pair, used.Token), out var offered));
        _free.Push(offered.Slot);
        var data = new byte[used.WrittenBytes];
        Assert.True(Memory.TryRead(offered.Buffers[0].Gpa, data));
        return data;
    }
}
