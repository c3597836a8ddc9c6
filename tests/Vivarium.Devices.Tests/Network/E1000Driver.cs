using System.Buffers.Binary;
using Vivarium.Devices.Tests.Fakes;

namespace Vivarium.Devices.Tests.Network;

/// <summary>A driver of the adapter, written from its manual: rings at fixed places, and one event queue that the test runs.</summary>
internal sealed class E1000Driver : IPciHost, IVmEventQueue, IFrameSink
{
    public const int RingSize = 16;
    public const ulong TransmitRing = 0x1000;
    public const ulong ReceiveRing = 0x2000;
    public const ulong TransmitData = 0x1_0000;
    public const ulong ReceiveData = 0x8_0000;
    public const int BufferBytes = 2048;
    private readonly Queue<Action> _actions = new();
    private int _transmitTail;
    private int _receiveTail;
    private int _receiveNext;

    public E1000Driver(FakeMemory? memory = null, E1000Options? options = null)
    {
        Memory = memory ?? new FakeMemory();
        Device = new E1000("e1000-0", this, Memory, this, Pool, options);
        Device.Connect(this);
        Device.Start();
        RunAll();
    }

    public FakeMemory Memory { get; }

    public FramePool Pool { get; } = new();

    public E1000 Device { get; }

    public List<(byte[] Data, FrameOffload Offload)> Sent { get; } = [];

    public bool Pin { get; private set; }

    public bool IsMsiXEnabled => false;

    public bool IsMsiEnabled => false;

    public bool IsBusMaster { get; set; } = true;

    public FrameCapabilities Capabilities => FrameCapabilities.All;

    public bool SignalMessage(int vector) => false;

    public void SetInterruptPin(bool level) => Pin = level;

    public void Post(Action action) => _actions.Enqueue(action);

    public void Send(ReadOnlySpan<EthernetFrame> frames)
    {
        foreach (var frame in frames)
        {
            Sent.Add((frame.Data.ToArray(), frame.Offload));
        }

        EthernetFrame.Release(frames);
    }

    public void RunAll()
    {
        for (var i = 0; _actions.TryDequeue(out var action); i++)
        {
            Assert.True(i < 10_000, "The adapter does not come to rest.");
            action();
        }
    }

    public uint Read(uint offset)
    {
        Assert.Equal(IoResult.Ok, Device.ReadBar(0, offset, 4, out var value));
        return (uint)value;
    }

    public void Write(uint offset, uint value) => Assert.Equal(IoResult.Ok, Device.WriteBar(0, offset, 4, value));

    /// <summary>Sets up both rings; receive control 2 is "enabled", bit 26 takes check sequences off.</summary>
    public E1000Driver Begin(uint receiveControl = 2 | (1 << 15) | (1 << 26), int buffers = RingSize - 1)
    {
        Write(0x3800, (uint)TransmitRing);
        Write(0x3808, RingSize * 16);
        Write(0x2800, (uint)ReceiveRing);
        Write(0x2808, RingSize * 16);
        Write(0x400, 2);
        Write(0x100, receiveControl);
        Write(0xD0, 0x1F6DC);
        for (var i = 0; i < RingSize; i++)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(Memory.Bytes.AsSpan((int)ReceiveRing + (16 * i)), ReceiveData + ((ulong)i * BufferBytes));
        }

        Give(buffers);
        return this;
    }

    public void Give(int buffers)
    {
        _receiveTail = (_receiveTail + buffers) % RingSize;
        Write(0x2818, (uint)_receiveTail);
        RunAll();
    }

    /// <summary>Puts a descriptor into the transmit ring; the data goes to a place of its own.</summary>
    public void Put(byte[] data, byte command, byte special = 0, uint? extended = null, byte options = 0, ushort vlan = 0)
    {
        var gpa = TransmitData + ((ulong)_transmitTail * 0x4000);
        data.CopyTo(Memory.Bytes.AsSpan((int)gpa));
        var descriptor = Descriptor();
        BinaryPrimitives.WriteUInt64LittleEndian(descriptor, gpa);
        BinaryPrimitives.WriteUInt32LittleEndian(descriptor[8..], (uint)data.Length | (extended ?? ((uint)special << 16)) | ((uint)command << 24));
        descriptor[13] = options;
        BinaryPrimitives.WriteUInt16LittleEndian(descriptor[14..], vlan);
    }

    public void PutContext(byte[] context)
    {
        context.CopyTo(Descriptor());
    }

    public void Kick()
    {
        Write(0x3818, (uint)_transmitTail);
        RunAll();
    }

    public void Arrive(byte[] data, FrameOffload offload = default)
    {
        var frame = Pool.Rent(data.Length);
        data.CopyTo(frame.Span);
        frame.Offload = offload;
        Device.Input.Send([frame]);
        RunAll();
    }

    /// <summary>Frames whose last descriptor is done, and the status of that.</summary>
    public List<(byte[] Data, byte Status, ushort Special)> TakeReceived()
    {
        var frames = new List<(byte[], byte, ushort)>();
        var data = new List<byte>();
        while (true)
        {
            var descriptor = Memory.Bytes.AsSpan((int)ReceiveRing + (16 * _receiveNext), 16);
            if ((descriptor[12] & 1) == 0)
            {
                return frames;
            }

            var length = BinaryPrimitives.ReadUInt16LittleEndian(descriptor[8..]);
            data.AddRange(Memory.Bytes.AsSpan((int)ReceiveData + (_receiveNext * BufferBytes), length));
            if ((descriptor[12] & 2) != 0)
            {
                frames.Add(([.. data], descriptor[12], BinaryPrimitives.ReadUInt16LittleEndian(descriptor[14..])));
                data.Clear();
            }

            descriptor[12] = 0;
            _receiveNext = (_receiveNext + 1) % RingSize;
        }
    }

    private Span<byte> Descriptor()
    {
        var place = Memory.Bytes.AsSpan((int)TransmitRing + (16 * _transmitTail), 16);
        place.Clear();
        _transmitTail = (_transmitTail + 1) % RingSize;
        return place;
    }
}
