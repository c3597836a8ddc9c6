using Vivarium.Memory;

namespace Vivarium.Virtio.Tests.Fakes;

internal readonly record struct Buffer(ulong Gpa, uint SizeBytes, bool IsWritable);

/// <summary>A driver's side of a virtqueue, written from the specification alone, not from the device's code.</summary>
internal abstract class DriverQueue(GuestMemory memory, ulong baseGpa, int size, bool indirect, bool eventIndex)
{
    public const ushort Next = 1;
    public const ushort Write = 2;
    public const ushort Indirect = 4;

    protected GuestMemory Memory { get; } = memory;

    public int Size { get; } = size;

    public bool UsesIndirect { get; } = indirect;

    public bool UsesEventIndex { get; } = eventIndex;

    public ulong DescriptorGpa { get; } = baseGpa;

    public ulong DriverGpa { get; } = baseGpa + 0x4000;

    public ulong DeviceGpa { get; } = baseGpa + 0x6000;

    protected ulong TablesGpa { get; } = baseGpa + 0x8000;

    /// <summary>Offers buffers as one chain; what it is called, or -1 if there is no room.</summary>
    public abstract int Add(IReadOnlyList<Buffer> buffers);

    /// <summary>Takes back a chain that the device has used.</summary>
    public abstract (int Token, uint WrittenBytes)? TakeUsed();

    /// <summary>Asks for an interrupt at the next used buffer, or for none.</summary>
    public abstract void WantInterrupt(bool wanted);

    protected void WriteDescriptor(ulong gpa, ulong address, uint sizeBytes, ushort third, ushort fourth)
    {
        Memory.Write(gpa, address);
        Memory.Write(gpa + 8, sizeBytes);
        Memory.Write(gpa + 12, third);
        Memory.Write(gpa + 14, fourth);
    }

    protected ulong TableOf(int token) => TablesGpa + ((ulong)token * 16 * (ulong)Size);

    public static DriverQueue Create(GuestMemory memory, ulong baseGpa, int size, bool packed, bool indirect, bool eventIndex) =>
        packed ? new PackedDriverQueue(memory, baseGpa, size, indirect, eventIndex) : new SplitDriverQueue(memory, baseGpa, size, indirect, eventIndex);
}

internal sealed class SplitDriverQueue : DriverQueue
{
    private readonly Stack<ushort> _free = new();
    private readonly Dictionary<ushort, ushort[]> _chains = [];
    private ushort _available;
    private ushort _used;

    public SplitDriverQueue(GuestMemory memory, ulong baseGpa, int size, bool indirect, bool eventIndex)
        : base(memory, baseGpa, size, indirect, eventIndex)
    {
        for (var i = size - 1; i >= 0; i--)
        {
            // An order that is not that of the table.
            _free.Push((ushort)((i * 5 + 3) % size));
        }
    }

    public override int Add(IReadOnlyList<Buffer> buffers)
    {
        var needed = UsesIndirect ? 1 : buffers.Count;
        if (buffers.Count > Size || _free.Count < needed)
        {
            return -1;
        }

        ushort[] taken = [.. Enumerable.Range(0, needed).Select(_ => _free.Pop())];
        if (UsesIndirect)
        {
            for (var i = 0; i < buffers.Count; i++)
            {
                var last = i == buffers.Count - 1;
                WriteDescriptor(TableOf(taken[0]) + (16 * (ulong)i), buffers[i].Gpa, buffers[i].SizeBytes, Flags(buffers[i], last), (ushort)(last ? 0 : i + 1));
            }

            WriteDescriptor(DescriptorGpa + (16 * (ulong)taken[0]), TableOf(taken[0]), 16 * (uint)buffers.Count, Indirect, 0);
        }
        else
        {
            for (var i = 0; i < buffers.Count; i++)
            {
                var last = i == buffers.Count - 1;
                WriteDescriptor(DescriptorGpa + (16 * (ulong)taken[i]), buffers[i].Gpa, buffers[i].SizeBytes, Flags(buffers[i], last), last ? (ushort)0 : taken[i + 1]);
            }
        }

        _chains[taken[0]] = taken;
        Memory.Write(DriverGpa + 4 + (2 * (ulong)(_available % Size)), taken[0]);
        Memory.Write(DriverGpa + 2, ++_available);
        return taken[0];
    }

    public override (int Token, uint WrittenBytes)? TakeUsed()
    {
        if (Memory.Read<ushort>(DeviceGpa + 2) == _used)
        {
            return null;
        }

        var element = DeviceGpa + 4 + (8 * (ulong)(_used++ % Size));
        var head = (ushort)Memory.Read<uint>(element);
        foreach (var index in _chains[head])
        {
            _free.Push(index);
        }

        _chains.Remove(head);
        return (head, Memory.Read<uint>(element + 4));
    }

    public override void WantInterrupt(bool wanted)
    {
        Memory.Write(DriverGpa, (ushort)(wanted || UsesEventIndex ? 0 : 1));
        if (UsesEventIndex)
        {
            Memory.Write(DriverGpa + 4 + (2 * (ulong)Size), (ushort)(wanted ? _used : _used - 1));
        }
    }

    private static ushort Flags(Buffer buffer, bool last) => (ushort)((buffer.IsWritable ? Write : 0) | (last ? 0 : Next));
}

internal sealed class PackedDriverQueue(GuestMemory memory, ulong baseGpa, int size, bool indirect, bool eventIndex)
    : DriverQueue(memory, baseGpa, size, indirect, eventIndex)
{
    private readonly Dictionary<ushort, int> _chains = [];
    private readonly int _size = size;
    private int _next;
    private bool _wrap = true;
    private int _used;
    private bool _usedWrap = true;
    private int _free = size;

    public override int Add(IReadOnlyList<Buffer> buffers)
    {
        var needed = UsesIndirect ? 1 : buffers.Count;
        if (buffers.Count > _size || needed > _free)
        {
            return -1;
        }

        var id = (ushort)Enumerable.Range(0, _size).First(each => !_chains.ContainsKey((ushort)each));
        _chains[id] = needed;
        _free -= needed;
        var firstGpa = DescriptorGpa + (16 * (ulong)_next);
        ushort firstFlags = 0;
        for (var i = 0; i < needed; i++)
        {
            var flags = (ushort)((_wrap ? 1 << 7 : 1 << 15) | (UsesIndirect ? Indirect : (buffers[i].IsWritable ? Write : 0) | (i == needed - 1 ? 0 : Next)));
            var gpa = DescriptorGpa + (16 * (ulong)_next);
            if (UsesIndirect)
            {
                for (var j = 0; j < buffers.Count; j++)
                {
                    WriteDescriptor(TableOf(id) + (16 * (ulong)j), buffers[j].Gpa, buffers[j].SizeBytes, 0, (ushort)(buffers[j].IsWritable ? Write : 0));
                }
            }

            var (address, sizeBytes) = UsesIndirect ? (TableOf(id), 16 * (uint)buffers.Count) : (buffers[i].Gpa, buffers[i].SizeBytes);
            if (i == 0)
            {
                firstFlags = flags;
                Memory.Write(gpa, address);
                Memory.Write(gpa + 8, sizeBytes);
                Memory.Write(gpa + 12, id);
            }
            else
            {
                WriteDescriptor(gpa, address, sizeBytes, id, flags);
            }

            if (++_next == _size)
            {
                _next = 0;
                _wrap = !_wrap;
            }
        }

        Memory.Write(firstGpa + 14, firstFlags);
        return id;
    }

    public override (int Token, uint WrittenBytes)? TakeUsed()
    {
        var gpa = DescriptorGpa + (16 * (ulong)_used);
        var flags = Memory.Read<ushort>(gpa + 14);
        var wrap = _usedWrap ? 1 : 0;
        if (((flags >> 7) & 1) != wrap || ((flags >> 15) & 1) != wrap)
        {
            return null;
        }

        var id = Memory.Read<ushort>(gpa + 12);
        var count = _chains[id];
        _chains.Remove(id);
        _free += count;
        _used += count;
        if (_used >= _size)
        {
            _used -= _size;
            _usedWrap = !_usedWrap;
        }

        return (id, Memory.Read<uint>(gpa + 8));
    }

    public override void WantInterrupt(bool wanted)
    {
        if (wanted && UsesEventIndex)
        {
            Memory.Write(DriverGpa, (ushort)(_used | (_usedWrap ? 0x8000 : 0)));
        }

        Memory.Write(DriverGpa + 2, (ushort)(!wanted ? 1 : UsesEventIndex ? 2 : 0));
    }
}
