using System.Buffers.Binary;
using Vivarium.Memory;

namespace Vivarium.Virtio.Tests.Fakes;

/// <summary>A driver of a disk: offers requests, and says what came of them.</summary>
internal sealed class BlockDriver
{
    public const ulong Flush = 1UL << 9;

    private const ulong SlotBytes = 0x1_0000;
    private const ulong SlotsGpa = 0x20_0000;
    private readonly Dictionary<(int Queue, int Token), int> _slots = [];
    private readonly Stack<int> _free = new(Enumerable.Range(0, 24));

    public BlockDriver(IBlockBackend disk, GuestMemory? memory = null, VirtioBlockOptions? options = null, ManualEvents? events = null)
    {
        memory ??= MmioDriver.CreateMemory();
        events ??= new ManualEvents();
        Disk = new VirtioBlock(new VirtioServices(memory, events), "virtio-blk0", disk, options);
        Mmio = new MmioDriver(memory, events, Disk);
    }

    public VirtioBlock Disk { get; }

    public MmioDriver Mmio { get; }

    public GuestMemory Memory => Mmio.Memory;

    public DriverQueue[] Queues { get; private set; } = [];

    public BlockDriver Begin(ulong features = Flush | (1UL << 13) | (1UL << 14), bool packed = false, bool indirect = true, bool eventIndex = false)
    {
        Queues = Mmio.Begin(features & Disk.OfferedFeatures, packed: packed, indirect: indirect, eventIndex: eventIndex);
        return this;
    }

    /// <summary>Goes on as the driver of another device that was restored from this one's.</summary>
    public void TakeOver(BlockDriver other)
    {
        Queues = other.Queues;
        foreach (var (key, slot) in other._slots)
        {
            _slots.Add(key, slot);
        }
    }

    /// <summary>Offers a request; its data is cut into segments of <paramref name="segmentBytes"/>.</summary>
    public (int Queue, int Token) Submit(uint kind, ulong sector, byte[] output, int inputBytes = 0, int segmentBytes = 1500, int queue = 0)
    {
        var slot = _free.Pop();
        var gpa = SlotsGpa + ((ulong)slot * SlotBytes);
        Span<byte> header = stackalloc byte[16];
        BinaryPrimitives.WriteUInt32LittleEndian(header, kind);
        BinaryPrimitives.WriteUInt64LittleEndian(header[8..], sector);
        Assert.True(Memory.TryWrite(gpa, header));
        Assert.True(Memory.TryWrite(gpa + 32, output));
        Memory.Write(gpa + 16, (byte)0xEE);
        var buffers = new List<Buffer> { new(gpa, 16, IsWritable: false) };
        AddSegments(buffers, gpa + 32, output.Length, segmentBytes, isWritable: false);
        AddSegments(buffers, gpa + 32 + (ulong)output.Length, inputBytes, segmentBytes, isWritable: true);
        buffers.Add(new Buffer(gpa + 16, 1, IsWritable: true));
        var token = Queues[queue].Add(buffers);
        Assert.True(token >= 0);
        _slots.Add((queue, token), slot);
        Mmio.Kick(queue);
        return (queue, token);
    }

    /// <summary>Takes what is used: for each request its status and its data.</summary>
    public List<((int Queue, int Token) Request, byte Status, byte[] Data)> TakeUsed()
    {
        var all = new List<((int, int), byte, byte[])>();
        for (var i = 0; i < Queues.Length; i++)
        {
            while (Queues[i].TakeUsed() is { } used)
            {
                Assert.True(_slots.Remove((i, used.Token), out var slot));
                var data = new byte[used.WrittenBytes == 0 ? 0 : used.WrittenBytes - 1];
                Memory.TryRead(SlotsGpa + ((ulong)slot * SlotBytes) + 32, data);
                all.Add(((i, used.Token), Memory.Read<byte>(SlotsGpa + ((ulong)slot * SlotBytes) + 16), data));
                _free.Push(slot);
            }
        }

        return all;
    }

    /// <summary>One request from its kick to its end.</summary>
    public (byte Status, byte[] Data) Do(uint kind, ulong sector, byte[] output, int inputBytes = 0, int segmentBytes = 1500, int queue = 0)
    {
        var request = Submit(kind, sector, output, inputBytes, segmentBytes, queue);
        var used = TakeUsed();
        Mmio.Events.RunUntil(() => used.Count > 0 || (used = TakeUsed()).Count > 0);
        var (done, status, data) = Assert.Single(used);
        Assert.Equal(request, done);
        return (status, data);
    }

    private static void AddSegments(List<Buffer> buffers, ulong gpa, int bytes, int segmentBytes, bool isWritable)
    {
        for (var offset = 0; offset < bytes; offset += segmentBytes)
        {
            buffers.Add(new Buffer(gpa + (ulong)offset, (uint)Math.Min(segmentBytes, bytes - offset), isWritable));
        }
    }
}
