using System.Buffers.Binary;

namespace Vivarium.Network.Tests;

/// <summary>A device at a port: sends what a test makes, keeps what arrives.</summary>
internal sealed class Station
{
    public Station(VirtualSwitch owner, int number, SwitchPortOptions? options = null, FrameCapabilities capabilities = FrameCapabilities.None)
    {
        Number = number;
        Queue = new FrameQueue(() => { }, maxFrames: 100_000, maxBytes: 1L << 30) { Capabilities = capabilities };
        Port = owner.AddPort(Queue, options);
        Pool = owner.Pool;
    }

    public int Number { get; }

    public FrameQueue Queue { get; }

    public SwitchPort Port { get; }

    public FramePool Pool { get; }

    public MacAddress Address => AddressOf(Number);

    public static MacAddress AddressOf(int number) => new(0x0200_0000_0000 + (ulong)number);

    public void Send(byte[] frame, FrameOffload offload = default)
    {
        var sent = Pool.Rent(frame.Length);
        frame.CopyTo(sent.Span);
        sent.Offload = offload;
        Port.Send(new ReadOnlySpan<EthernetFrame>(in sent));
    }

    public void SendTo(MacAddress to, params byte[] payload) => Send(Frame(to, Address, payload));

    public void SendTo(Station to, params byte[] payload) => SendTo(to.Address, payload);

    /// <summary>Makes the switch know where the station is.</summary>
    public void Announce() => SendTo(Address, 0);

    public List<byte[]> Receive() => [.. ReceiveFrames().Select(frame => frame.Data)];

    public List<(byte[] Data, FrameOffload Offload)> ReceiveFrames()
    {
        var received = new List<(byte[], FrameOffload)>();
        var frames = new EthernetFrame[1];
        while (Queue.Receive(frames) == 1)
        {
            received.Add((frames[0].Data.ToArray(), frames[0].Offload));
            frames[0].Release();
        }

        return received;
    }

    /// <summary>The payloads of what has arrived.</summary>
    public List<byte[]> Payloads() => [.. Receive().Select(frame => frame[14..])];

    public static byte[] Frame(MacAddress to, MacAddress from, byte[] payload, ushort type = 0x88B5)
    {
        var frame = new byte[14 + payload.Length];
        to.Write(frame);
        from.Write(frame.AsSpan(6));
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(12), type);
        payload.CopyTo(frame, 14);
        return frame;
    }

    public static byte[] Tagged(MacAddress to, MacAddress from, int tag, byte[] payload) =>
        Frame(to, from, [(byte)(tag >> 8), (byte)tag, 0x88, 0xB5, .. payload], 0x8100);
}
