using System.Buffers.Binary;
using Vivarium.Devices.Tests.Fakes;

namespace Vivarium.Devices.Tests.Nvme;

/// <summary>A driver of an NVMe controller: queues in guest RAM as NVMe 1.4 §4 has them, written from the specification.</summary>
internal sealed class NvmeDriver
{
    public const ulong Data = 0x80000;
    private const int Entries = 16;
    private const ulong Queues = 0x10000;
    private readonly int[] _tails = new int[8];
    private readonly int[] _heads = new int[8];
    private readonly bool[] _phases = [.. Enumerable.Repeat(true, 8)];
    private ushort _nextId = 1;

    public NvmeDriver(IReadOnlyList<IBlockBackend> namespaces, FakeMemory? memory = null, FakeEvents? events = null, NvmeOptions? options = null)
    {
        Memory = memory ?? new FakeMemory(4 << 20);
        Events = events ?? new FakeEvents();
        Controller = new NvmeController(Host, "nvme0", Memory, Events, namespaces, options);
        Controller.Reset();
        Controller.Start();
    }

    public NvmeController Controller { get; }

    public FakeMemory Memory { get; }

    public FakePciHost Host { get; } = new();

    public FakeEvents Events { get; }

    public uint Status => Read(0x1C);

    /// <summary>Enables the controller, and makes one pair of I/O queues.</summary>
    public void Initialize()
    {
        Write(0x24, ((Entries - 1) << 16) | (Entries - 1));
        Write(0x28, (uint)SubmissionGpa(0));
        Write(0x30, (uint)CompletionGpa(0));
        Write(0x14, 0x0046_0001);
        Assert.Equal(1u, Status);
        Assert.Equal(0, CreateCompletionQueue(1));
        Assert.Equal(0, CreateSubmissionQueue(1, 1));
    }

    public int CreateCompletionQueue(int id, int vector = 1) => Admin(0x05, dw10: ((Entries - 1) << 16) | id, dw11: (vector << 16) | 3, prp1: CompletionGpa(id));

    public int CreateSubmissionQueue(int id, int completionId) =>
        Admin(0x01, dw10: ((Entries - 1) << 16) | id, dw11: (completionId << 16) | 1, prp1: SubmissionGpa(id));

    public uint Read(ulong offset)
    {
        Assert.Equal(IoResult.Ok, Controller.ReadBar(0, offset, 4, out var value));
        return (uint)value;
    }

    public void Write(ulong offset, uint value) => Assert.Equal(IoResult.Ok, Controller.WriteBar(0, offset, 4, value));

    public int Admin(byte opcode, uint nsid = 0, int dw10 = 0, int dw11 = 0, ulong prp1 = Data, ulong prp2 = 0)
    {
        Submit(0, opcode, nsid, prp1, prp2, dw10: (uint)dw10, dw11: (uint)dw11);
        return Take(0).Status;
    }

    public int Io(byte opcode, ulong block, int count, ulong prp1 = Data, ulong prp2 = 0, uint nsid = 1, uint flags = 0)
    {
        Submit(1, opcode, nsid, prp1, prp2, (uint)block, (uint)(block >> 32), (uint)(count - 1) | flags);
        return Take(1).Status;
    }

    /// <summary>Puts a command into a queue and rings.</summary>
    public ushort Submit(int queue, byte opcode, uint nsid, ulong prp1 = Data, ulong prp2 = 0, uint dw10 = 0, uint dw11 = 0, uint dw12 = 0)
    {
        Span<byte> command = stackalloc byte[64];
        command.Clear();
        var id = _nextId++;
        command[0] = opcode;
        BinaryPrimitives.WriteUInt16LittleEndian(command[2..], id);
        BinaryPrimitives.WriteUInt32LittleEndian(command[4..], nsid);
        BinaryPrimitives.WriteUInt64LittleEndian(command[24..], prp1);
        BinaryPrimitives.WriteUInt64LittleEndian(command[32..], prp2);
        BinaryPrimitives.WriteUInt32LittleEndian(command[40..], dw10);
        BinaryPrimitives.WriteUInt32LittleEndian(command[44..], dw11);
        BinaryPrimitives.WriteUInt32LittleEndian(command[48..], dw12);
        Memory.TryWrite(SubmissionGpa(queue) + ((ulong)_tails[queue] * 64), command);
        _tails[queue] = (_tails[queue] + 1) % Entries;
        Write(0x1000 + ((ulong)queue * 8), (uint)_tails[queue]);
        return id;
    }

    public bool HasCompletion(int queue) =>
        (Memory.Bytes[(int)CompletionGpa(queue) + (_heads[queue] * 16) + 14] & 1) != 0 == _phases[queue];

    public (ushort Id, int Status, uint Result) Take(int queue, bool ring = true)
    {
        Assert.True(HasCompletion(queue));
        var entry = Memory.Bytes.AsSpan((int)CompletionGpa(queue) + (_heads[queue] * 16), 16);
        _heads[queue] = (_heads[queue] + 1) % Entries;
        _phases[queue] ^= _heads[queue] == 0;
        var taken = (BinaryPrimitives.ReadUInt16LittleEndian(entry[12..]), BinaryPrimitives.ReadUInt16LittleEndian(entry[14..]) >> 1,
            BinaryPrimitives.ReadUInt32LittleEndian(entry));
        if (ring)
        {
            Write(0x1000 + ((ulong)queue * 8) + 4, (uint)_heads[queue]);
        }

        return taken;
    }

    /// <summary>Goes on with another controller that has taken this one's state, over the same memory.</summary>
    public void CopyPositionsTo(NvmeDriver other)
    {
        _tails.CopyTo(other._tails, 0);
        _heads.CopyTo(other._heads, 0);
        _phases.CopyTo(other._phases, 0);
        other._nextId = _nextId;
    }

    private static ulong SubmissionGpa(int queue) => Queues + ((ulong)queue * 0x2000);

    private static ulong CompletionGpa(int queue) => Queues + ((ulong)queue * 0x2000) + 0x1000;
}
