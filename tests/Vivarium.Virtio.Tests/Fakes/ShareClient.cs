using System.Buffers.Binary;
using System.Text;
using Vivarium.Memory;

namespace Vivarium.Virtio.Tests.Fakes;

/// <summary>A client of a share, over real queues: sends messages of 9P2000.L and reads the answers.</summary>
internal sealed class ShareClient
{
    public const uint NoFid = uint.MaxValue;
    private const ulong MessagesGpa = 0x20_0000;
    private const ulong SlotBytes = 0x2_0000;
    private readonly Dictionary<int, int> _slots = [];
    private readonly Stack<int> _free = new(Enumerable.Range(0, 12));

    public ShareClient(string folder, VirtioShareOptions? options = null, GuestMemory? memory = null)
    {
        Memory = memory ?? MmioDriver.CreateMemory();
        Events = new ManualEvents();
        Share = new VirtioShare(new VirtioServices(Memory, Events), "virtio-9p0", folder, options);
        Driver = new MmioDriver(Memory, Events, Share);
    }

    public GuestMemory Memory { get; }

    public ManualEvents Events { get; }

    public VirtioShare Share { get; }

    public MmioDriver Driver { get; }

    public DriverQueue Queue { get; set; } = null!;

    /// <summary>Starts the driver and a session, and attaches fid 0.</summary>
    public ShareClient Begin(uint messageBytes = 65536)
    {
        Queue = Driver.Begin(1, indirect: true)[0];
        Do(100, Fields().U32(messageBytes).Text("9P2000.L"));
        Do(104, Fields().U32(0).U32(NoFid).Text("root").Text("").U32(0));
        return this;
    }

    public static Message Fields() => new();

    /// <summary>Sends a message and returns its answer's fields; fails if it is an error.</summary>
    public byte[] Do(byte kind, Message message)
    {
        var (answered, fields) = Send(kind, message);
        Assert.True(answered == kind + 1, $"Message {kind} was answered by {answered}: {(fields.Length >= 4 ? BinaryPrimitives.ReadInt32LittleEndian(fields) : 0)}");
        return fields;
    }

    /// <summary>Sends a message that must be refused, and returns the error.</summary>
    public int Refused(byte kind, Message message)
    {
        var (answered, fields) = Send(kind, message);
        Assert.Equal(7, answered);
        return BinaryPrimitives.ReadInt32LittleEndian(fields);
    }

    public (byte Kind, byte[] Fields) Send(byte kind, Message message, int answerBytes = 65536)
    {
        var token = Submit(kind, message, 1, answerBytes);
        List<(int Token, byte[] Answer)> used = [];
        Events.RunUntil(() => (used = [.. used, .. TakeUsed()]).Count > 0);
        var (done, answer) = Assert.Single(used);
        Assert.Equal(token, done);
        Assert.Equal(answer.Length, BinaryPrimitives.ReadInt32LittleEndian(answer));
        return (answer[4], answer[7..]);
    }

    public int Submit(byte kind, Message message, ushort tag, int answerBytes = 65536, int? sizeBytes = null)
    {
        var fields = message.ToArray();
        var raw = new byte[7 + fields.Length];
        BinaryPrimitives.WriteInt32LittleEndian(raw, sizeBytes ?? raw.Length);
        raw[4] = kind;
        BinaryPrimitives.WriteUInt16LittleEndian(raw.AsSpan(5), tag);
        fields.CopyTo(raw, 7);
        return SubmitRaw(raw, answerBytes);
    }

    public int SubmitRaw(byte[] raw, int answerBytes)
    {
        var slot = _free.Pop();
        var gpa = MessagesGpa + ((ulong)slot * SlotBytes);
        Assert.True(Memory.TryWrite(gpa, raw));
        var buffers = new List<Buffer>();
        for (var offset = 0; offset < raw.Length; offset += 4000)
        {
            buffers.Add(new Buffer(gpa + (ulong)offset, (uint)Math.Min(4000, raw.Length - offset), IsWritable: false));
        }

        for (var offset = 0; offset < answerBytes; offset += 9000)
        {
            buffers.Add(new Buffer(gpa + 0x1_0000 + (ulong)offset, (uint)Math.Min(9000, answerBytes - offset), IsWritable: true));
        }

        var token = Queue.Add(buffers);
        Assert.True(token >= 0);
        _slots.Add(token, slot);
        Driver.Kick();
        return token;
    }

    public IEnumerable<(int Token, byte[] Answer)> TakeUsed()
    {
        while (Queue.TakeUsed() is { } used)
        {
            Assert.True(_slots.Remove(used.Token, out var slot));
            var answer = new byte[used.WrittenBytes];
            Memory.TryRead(MessagesGpa + ((ulong)slot * SlotBytes) + 0x1_0000, answer);
            _free.Push(slot);
            yield return (used.Token, answer);
        }
    }

    /// <summary>Walks from fid 0; false if it ended on its way.</summary>
    public bool Walk(uint newFid, params string[] names)
    {
        var message = Fields().U32(0).U32(newFid).U16((ushort)names.Length);
        Array.ForEach(names, name => message.Text(name));
        var (kind, fields) = Send(110, message);
        return kind == 111 && BinaryPrimitives.ReadUInt16LittleEndian(fields) == names.Length;
    }

    public string ReadFile(uint newFid, params string[] names)
    {
        Assert.True(Walk(newFid, names));
        Do(12, Fields().U32(newFid).U32(0));
        var text = Encoding.UTF8.GetString(Do(116, Fields().U32(newFid).U64(0).U32(60000)).AsSpan(4));
        Do(120, Fields().U32(newFid));
        return text;
    }

    internal sealed class Message
    {
        private readonly List<byte> _bytes = [];

        public Message U8(byte value)
        {
            _bytes.Add(value);
            return this;
        }

        public Message U16(ushort value) => Raw(BitConverter.GetBytes(value));

        public Message U32(uint value) => Raw(BitConverter.GetBytes(value));

        public Message U64(ulong value) => Raw(BitConverter.GetBytes(value));

        public Message Text(string text) => Text(Encoding.UTF8.GetBytes(text));

        public Message Text(byte[] text) => U16((ushort)text.Length).Raw(text);

        public Message Raw(byte[] bytes)
        {
            _bytes.AddRange(bytes);
            return this;
        }

        public byte[] ToArray() => [.. _bytes];
    }
}
