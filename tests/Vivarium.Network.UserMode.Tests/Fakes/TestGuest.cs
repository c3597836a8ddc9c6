using System.Buffers.Binary;
using System.Net;
using System.Threading.Channels;

namespace Vivarium.Network.UserMode.Tests;

/// <summary>A guest with a small network stack: ARP, UDP and ICMP as messages, TCP by the connection under test in real time.</summary>
internal sealed class TestGuest : ITcpLink, IDisposable
{
    private readonly Lock _gate = new();
    private readonly FrameQueue _queue;
    private readonly SwitchPort _port;
    private readonly FramePool _pool;
    private readonly FrameBuilder _builder;
    private readonly MacAddress _gateway;
    private readonly Timer _timer;
    private readonly Dictionary<ConnectionKey, TestStream> _streams = [];
    private readonly HashSet<ushort> _listening = [];
    private EthernetFrame? _frame;
    private ushort _nextPort = 40_000;

    public TestGuest(VirtualSwitch network, int number, IPAddress address, MacAddress gateway)
    {
        Mac = new MacAddress(0x0200_0000_0000 + (ulong)number);
        Address = IpAddress.From(address);
        _gateway = gateway;
        _pool = network.Pool;
        _builder = new FrameBuilder(network.Pool, Mac);
        _queue = new FrameQueue(() => ThreadPool.QueueUserWorkItem(_ => Process()), maxFrames: 8_192, maxBytes: 64 << 20) { Capabilities = FrameCapabilities.All };
        _port = network.AddPort(_queue, new SwitchPortOptions { Name = $"guest{number}" });
        _timer = new Timer(_ => Tick(), null, 5, 5);
    }

    public MacAddress Mac { get; }

    public IpAddress Address { get; set; }

    public SwitchPort Port => _port;

    /// <summary>UDP payloads as they came: source, source port, own port, data.</summary>
    public Channel<(IPAddress From, int FromPort, int Port, byte[] Data)> Udp { get; } = Channel.CreateUnbounded<(IPAddress, int, int, byte[])>();

    /// <summary>All other frames.</summary>
    public Channel<byte[]> Frames { get; } = Channel.CreateUnbounded<byte[]>();

    public Channel<TestStream> Accepted { get; } = Channel.CreateUnbounded<TestStream>();

    public TcpSettings Settings { get; set; } = new() { MaxBurstBytes = 58_400 };

    public int ConnectionCount
    {
        get
        {
            lock (_gate)
            {
                return _streams.Count;
            }
        }
    }

    public void Listen(int port) => _listening.Add((ushort)port);

    public void SendUdp(IPAddress to, int toPort, int port, byte[] data)
    {
        var frame = _builder.CreateUdp(Address, (ushort)port, IpAddress.From(to), (ushort)toPort, data);
        SendFrame(frame);
    }

    /// <summary>One frame that stands for many datagrams of so many bytes, as Linux makes for UDP_SEGMENT where the device offers it.</summary>
    public void SendLargeUdp(IPAddress to, int toPort, int port, byte[] data, int segmentBytes)
    {
        var frame = _builder.CreateUdp(Address, (ushort)port, IpAddress.From(to), (ushort)toPort, data);
        var start = FrameBuilder.HeaderBytes(IpAddress.From(to));
        BinaryPrimitives.WriteUInt16BigEndian(frame.Span[(start + 6)..], (ushort)FrameBuilder.PseudoHeader(Address, IpAddress.From(to), 17, frame.Length - start));
        frame.Offload = new FrameOffload
        {
            NeedsChecksum = true,
            ChecksumStart = (ushort)start,
            ChecksumOffset = 6,
            Segmentation = SegmentationKind.Udp,
            SegmentBytes = (ushort)segmentBytes,
            HeaderBytes = (ushort)(start + 8),
        };
        SendFrame(frame);
    }

    public void SendIcmp(IPAddress to, byte type, byte[] body) => SendFrame(_builder.CreateIcmp(Address, IpAddress.From(to), type, 0, body));

    public void SendRaw(byte[] bytes)
    {
        var frame = _pool.Rent(bytes.Length);
        bytes.CopyTo(frame.Span);
        _port.Send([frame]);
    }

    public async Task<TestStream> ConnectAsync(IPAddress to, int port)
    {
        var stream = Dial(to, port);
        await stream.EstablishedAsync();
        return stream;
    }

    public TestStream Dial(IPAddress to, int port)
    {
        lock (_gate)
        {
            var stream = Add(new ConnectionKey(Address, _nextPort++, IpAddress.From(to), (ushort)port));
            stream.Connection.Connect(NowNs);
            return stream;
        }
    }

    public Span<byte> Begin(TcpConnection connection, int segmentBytes)
    {
        _frame = _builder.Create(connection.Key.Local, connection.Key.Remote, 6, segmentBytes);
        return _frame.Span[FrameBuilder.HeaderBytes(connection.Key.Remote)..];
    }

    public void End(TcpConnection connection, int headerBytes, int segmentPayloadBytes)
    {
        var frame = _frame!;
        var start = FrameBuilder.HeaderBytes(connection.Key.Remote);
        BinaryPrimitives.WriteUInt16BigEndian(frame.Span[(start + 16)..], (ushort)FrameBuilder.PseudoHeader(connection.Key.Local, connection.Key.Remote, 6, frame.Length - start));
        var isLarge = frame.Length - start - headerBytes > segmentPayloadBytes;
        frame.Offload = new FrameOffload
        {
            NeedsChecksum = true,
            ChecksumStart = (ushort)start,
            ChecksumOffset = 16,
            SegmentBytes = (ushort)segmentPayloadBytes,
            Segmentation = isLarge ? SegmentationKind.Tcp4 : SegmentationKind.None,
        };
        SendFrame(frame);
    }

    public void Dispose()
    {
        _timer.Dispose();
        _port.Dispose();
    }

    private static long NowNs => System.Diagnostics.Stopwatch.GetTimestamp();

    private void SendFrame(EthernetFrame frame)
    {
        _gateway.Write(frame.Span);
        _port.Send([frame]);
    }

    private TestStream Add(ConnectionKey key)
    {
        var stream = new TestStream(this, new TcpConnection(key, this, Settings, (uint)Random.Shared.Next()));
        _streams.Add(key, stream);
        return stream;
    }

    private void Process()
    {
        var frames = new EthernetFrame[64];
        int count;
        do
        {
            lock (_gate)
            {
                count = _queue.Receive(frames);
                var touched = new HashSet<TestStream>();
                foreach (var frame in frames.AsSpan(0, count))
                {
                    Take(frame, touched);
                    frame.Release();
                }

                foreach (var stream in touched)
                {
                    stream.Connection.Output(NowNs);
                    Settle(stream);
                }
            }
        }
        while (count == frames.Length);
    }

    private void Take(EthernetFrame frame, HashSet<TestStream> touched)
    {
        var data = frame.Data;
        if (data[12] == 8 && data[13] == 6)
        {
            if (data[21] == 1 && IpAddress.Read(data[38..42]) == Address)
            {
                byte[] reply = [.. data[6..12], 0, 0, 0, 0, 0, 0, 8, 6, 0, 1, 8, 0, 6, 4, 0, 2, 0, 0, 0, 0, 0, 0, .. data[38..42], .. data[22..32]];
                Mac.Write(reply.AsSpan(6));
                Mac.Write(reply.AsSpan(22));
                SendRaw(reply);
            }

            Frames.Writer.TryWrite(data.ToArray());
            return;
        }

        if (!PacketLayout.TryParse(data, out var layout) || layout.EtherType != PacketLayout.Ipv4 || layout.IsFragment || layout.Protocol is not (6 or 17))
        {
            Frames.Writer.TryWrite(data.ToArray());
            return;
        }

        var source = IpAddress.Read(data[26..30]);
        var payload = data[layout.Transport..layout.End];
        if (layout.Protocol == 17)
        {
            Udp.Writer.TryWrite((source.ToIPAddress(), BinaryPrimitives.ReadUInt16BigEndian(payload), BinaryPrimitives.ReadUInt16BigEndian(payload[2..]), payload[8..].ToArray()));
            return;
        }

        var sum = FrameBuilder.PseudoHeader(source, Address, 6, payload.Length);
        if (frame.Offload is { NeedsChecksum: false, ChecksumValid: false } && InternetChecksum.Finish(InternetChecksum.Add(sum, payload)) != 0)
        {
            return;
        }

        if (!TcpHeader.TryParse(payload, out var segment))
        {
            return;
        }

        var key = new ConnectionKey(Address, segment.DestinationPort, source, segment.SourcePort);
        if (!_streams.TryGetValue(key, out var stream))
        {
            if (!_listening.Contains(segment.DestinationPort) || !segment.Has(TcpFlags.Syn))
            {
                if (!segment.Has(TcpFlags.Reset))
                {
                    Refuse(key, segment);
                }

                return;
            }

            stream = Add(key);
            stream.Connection.Hold(segment);
            stream.Connection.Answer(NowNs);
            Accepted.Writer.TryWrite(stream);
        }

        stream.Connection.Input(segment, NowNs);
        touched.Add(stream);
    }

    private void Refuse(ConnectionKey key, in TcpHeader segment)
    {
        var refusal = new TcpConnection(key, this, Settings, segment.Acknowledgment);
        refusal.Hold(segment);
        refusal.Abort();
    }

    private void Settle(TestStream stream)
    {
        if (stream.Connection.State == TcpState.Closed)
        {
            _streams.Remove(stream.Connection.Key);
        }
    }

    private void Tick()
    {
        lock (_gate)
        {
            foreach (var stream in _streams.Values.ToList())
            {
                if (stream.Connection.NextDeadlineNs <= NowNs)
                {
                    stream.Connection.OnTime(NowNs);
                    Settle(stream);
                }
            }
        }
    }

    /// <summary>One of the guest's connections.</summary>
    internal sealed class TestStream : ITcpHandler
    {
        private readonly TestGuest _guest;
        private readonly SemaphoreSlim _changed = new(0);

        public TestStream(TestGuest guest, TcpConnection connection)
        {
            _guest = guest;
            Connection = connection;
            connection.Handler = this;
        }

        public TcpConnection Connection { get; }

        public void Changed(TcpConnection connection) => _changed.Release();

        public Task EstablishedAsync() => Until(() => Connection.IsEstablished || (Connection.State == TcpState.Closed ? throw new IOException(Connection.Failure.ToString()) : false));

        public async Task WriteAsync(byte[] data)
        {
            var sent = 0;
            await Until(() =>
            {
                sent += Connection.Write(data.AsSpan(sent), NowNs);
                return sent == data.Length || (Connection.CanWrite ? false : throw new IOException(Connection.Failure.ToString()));
            });
        }

        /// <summary>Reads some bytes; none at the end.</summary>
        public async Task<byte[]> ReadAsync()
        {
            var buffer = new byte[65_536];
            var count = 0;
            await Until(() => (count = Connection.Read(buffer, NowNs)) > 0 || Connection.IsAtEnd || Connection.State == TcpState.Closed);
            return Connection.Failure is TcpFailure.None ? buffer[..count] : throw new IOException(Connection.Failure.ToString());
        }

        public async Task<byte[]> ReadToEndAsync()
        {
            var all = new List<byte>();
            while (await ReadAsync() is { Length: > 0 } bytes)
            {
                all.AddRange(bytes);
            }

            return [.. all];
        }

        public void CloseWrite()
        {
            lock (_guest._gate)
            {
                Connection.CloseWrite(NowNs);
            }
        }

        private async Task Until(Func<bool> condition)
        {
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
            while (true)
            {
                lock (_guest._gate)
                {
                    if (condition())
                    {
                        _guest.Settle(this);
                        return;
                    }
                }

                await _changed.WaitAsync(limit.Token);
            }
        }
    }
}
