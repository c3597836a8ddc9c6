using System.Buffers.Binary;

namespace Vivarium.Network.UserMode;

/// <content>TCP: which connection a segment is for, what a new one is, and the connections' time.</content>
public sealed partial class UserModeGateway
{
    private const int MostBurstBytes = 60_000;

    private readonly Dictionary<ConnectionKey, TcpConnection> _connections = [];
    private readonly Dictionary<ulong, GuestUsage> _usage = [];
    private readonly Dictionary<(IpAddress Address, ushort Port), GuestListener> _listeners = [];
    private readonly PriorityQueue<TcpConnection, long> _deadlines = new();
    private readonly HashSet<TcpConnection> _touched = [];
    private readonly TcpLink _link;
    private readonly TcpSettings _tcp4;
    private readonly TcpSettings _tcp6;
    private ushort _nextPort = 49_152;

    private long NextTcpDeadlineNs => _deadlines.TryPeek(out _, out var nextNs) ? nextNs : long.MaxValue;

    private TcpSettings Settings(int ipHeaderBytes)
    {
        var segment = _options.MtuBytes - ipHeaderBytes - TcpHeader.MinBytes;
        return new TcpSettings { MaxSegmentBytes = segment, MaxBurstBytes = MostBurstBytes / segment * segment };
    }

    private void ReceiveTcp(in Packet packet, long nowNs)
    {
        if (!TcpHeader.TryParse(packet.Payload, out var segment) || segment.SourcePort == 0 || segment.DestinationPort == 0 || packet.Destination.IsMulticast)
        {
            return;
        }

        var key = new ConnectionKey(packet.Destination, segment.DestinationPort, packet.Source, segment.SourcePort);
        if (_connections.TryGetValue(key, out var connection))
        {
            // A peer may begin anew where only the memory of the last connection is left (RFC 9293 §3.6.1).
            var isNew = connection.State == TcpState.TimeWait && segment.Has(TcpFlags.Syn) && !segment.Has(TcpFlags.Ack | TcpFlags.Reset);
            if (!isNew)
            {
                connection.Input(segment, nowNs);
                Touch(connection);
                return;
            }

            connection.Vanish(TcpFailure.None);
            Settle(connection);
        }

        if (segment.Has(TcpFlags.Reset) || !IsGuestAddress(packet.Source))
        {
            return;
        }

        if (!segment.Has(TcpFlags.Syn) || segment.Has(TcpFlags.Ack))
        {
            Refuse(packet, segment);
            return;
        }

        Open(key, packet, segment, nowNs);
    }

    /// <summary>A guest wants a connection: to this process, to a port of the host that is named, or to the outside.</summary>
    private void Open(ConnectionKey key, in Packet packet, in TcpHeader segment, long nowNs)
    {
        var listener = _listeners.GetValueOrDefault((key.Local, key.LocalPort));
        var target = listener is null ? TargetOf(key.Local, key.LocalPort) : null;
        if (listener is null && target is null)
        {
            Refuse(packet, segment);
            return;
        }

        var usage = UsageOf(packet.Guest.Value);
        if (usage.HalfOpen >= _options.MaxHalfOpenPerGuest || _connections.Count >= _options.MaxConnections)
        {
            // Silence: whoever is serious tries again.
            return;
        }

        if (usage.Connections >= _options.MaxConnectionsPerGuest || listener is { HasRoom: false })
        {
            Refuse(packet, segment);
            return;
        }

        var connection = Create(key, nowNs);
        connection.Guest = packet.Guest.Value;
        connection.Hold(segment);
        usage.Connections++;
        usage.HalfOpen++;
        _connections.Add(key, connection);
        if (listener is not null)
        {
            connection.Handler = listener;
            listener.Expect(connection);
            connection.Answer(nowNs);
        }
        else
        {
            _ = TcpRelay.ConnectAsync(this, connection, target!, _options.ConnectTimeout, _stop.Token);
        }

        Touch(connection);
    }

    /// <summary>Where on the host's side an address of the guests' world is; null if nowhere they may go.</summary>
    private System.Net.IPEndPoint? TargetOf(IpAddress address, ushort port)
    {
        if (address == _address4 || address == _address6)
        {
            return _options.Outbound.HostLoopbackPorts.Contains(port) ? new System.Net.IPEndPoint(System.Net.IPAddress.Loopback, port) : null;
        }

        if (address == _dns4 || address.IsIn(_network4, _options.Network.PrefixLength) || (_options.Network6 is not null && address.IsIn(_network6, 64)))
        {
            return null;
        }

        var outside = address.ToIPAddress();
        return _options.Outbound.Permits(outside, port) ? new System.Net.IPEndPoint(outside, port) : null;
    }

    private TcpConnection Create(in ConnectionKey key, long nowNs) => new(key, _link, key.Remote.IsV4 ? _tcp4 : _tcp6, _sequences.Of(key, nowNs));

    /// <summary>A connection to a guest, begun. Under the lock.</summary>
    private TcpConnection Dial(IpAddress guest, ushort port, long nowNs)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (!IsGuestAddress(guest))
        {
            throw new ArgumentException($"{guest} is no address of a guest: {_options.Network} is their network.");
        }

        if (_connections.Count >= _options.MaxConnections)
        {
            throw new IOException($"There are {_connections.Count} connections, as many as the gateway may have: close some, or raise MaxConnections.");
        }

        var local = guest.IsV4 ? _address4 : guest.IsLinkLocal6 ? _linkLocal6 : _address6;
        for (var i = 0; i < 16_384; i++)
        {
            _nextPort = _nextPort == ushort.MaxValue ? (ushort)49_152 : (ushort)(_nextPort + 1);
            var key = new ConnectionKey(local, _nextPort, guest, port);
            if (!_connections.ContainsKey(key) && !_listeners.ContainsKey((local, _nextPort)))
            {
                var connection = Create(key, nowNs);
                _connections.Add(key, connection);
                connection.Connect(nowNs);
                Touch(connection);
                return connection;
            }
        }

        throw new IOException($"All ports for connections to port {port} of {guest} are in use: close some of them.");
    }

    private void Touch(TcpConnection connection) => _touched.Add(connection);

    /// <summary>Sends what the connections that something happened to have to send, and notes their deadlines.</summary>
    private void OutputTouched(long nowNs)
    {
        foreach (var connection in _touched)
        {
            connection.Output(nowNs);
            Settle(connection);
        }

        _touched.Clear();
    }

    /// <summary>Keeps the books on a connection that may have changed.</summary>
    private void Settle(TcpConnection connection)
    {
        if (connection.Guest != 0 && !connection.IsHalfOpen && !connection.IsCountedOpen)
        {
            connection.IsCountedOpen = true;
            UsageOf(connection.Guest).HalfOpen--;
        }

        if (connection.State == TcpState.Closed)
        {
            if (_connections.TryGetValue(connection.Key, out var current) && current == connection)
            {
                _connections.Remove(connection.Key);
                if (connection.Guest != 0)
                {
                    var usage = UsageOf(connection.Guest);
                    if (--usage.Connections == 0)
                    {
                        _usage.Remove(connection.Guest);
                    }
                }
            }

            return;
        }

        var deadlineNs = connection.NextDeadlineNs;
        if (deadlineNs < connection.ScheduledNs)
        {
            connection.ScheduledNs = deadlineNs;
            _deadlines.Enqueue(connection, deadlineNs);
        }
    }

    private void RunTcpDeadlines(long nowNs)
    {
        while (_deadlines.TryPeek(out var connection, out var dueNs) && dueNs <= nowNs)
        {
            _deadlines.Dequeue();
            if (dueNs != connection.ScheduledNs)
            {
                // An older entry of a connection that was put in again.
                continue;
            }

            connection.ScheduledNs = long.MaxValue;
            if (connection.State != TcpState.Closed)
            {
                connection.OnTime(nowNs);
                Settle(connection);
            }
        }

        OutputTouched(nowNs);
    }

    private void Refuse(in Packet packet, in TcpHeader segment)
    {
        var frame = _builder.Create(packet.Destination, packet.Source, PacketLayout.Tcp, TcpHeader.MinBytes);
        var tcp = frame.Span[FrameBuilder.HeaderBytes(packet.Source)..];
        tcp.Clear();
        BinaryPrimitives.WriteUInt16BigEndian(tcp, segment.DestinationPort);
        BinaryPrimitives.WriteUInt16BigEndian(tcp[2..], segment.SourcePort);
        if (segment.Has(TcpFlags.Ack))
        {
            BinaryPrimitives.WriteUInt32BigEndian(tcp[4..], segment.Acknowledgment);
            tcp[13] = (byte)TcpFlags.Reset;
        }
        else
        {
            BinaryPrimitives.WriteUInt32BigEndian(tcp[8..], segment.Sequence + (uint)segment.SequenceLength);
            tcp[13] = (byte)(TcpFlags.Reset | TcpFlags.Ack);
        }

        tcp[12] = 5 << 4;
        _link.Finish(frame, packet.Destination, packet.Source, tcp.Length, 0);
        SendIp(frame, packet.Source);
    }

    /// <summary>Nobody has this address: whoever waits for it need not.</summary>
    private void VanishTo(IpAddress address)
    {
        foreach (var connection in _connections.Values.Where(connection => connection.Key.Remote == address && connection.State == TcpState.SynSent).ToList())
        {
            connection.Vanish(TcpFailure.Unreachable);
            Settle(connection);
        }
    }

    private void AbortAll()
    {
        foreach (var connection in _connections.Values.ToList())
        {
            connection.Abort();
            Settle(connection);
        }
    }

    private GuestUsage UsageOf(ulong guest) =>
        _usage.TryGetValue(guest, out var usage) ? usage : _usage[guest] = new GuestUsage();

    private sealed class GuestUsage
    {
        public int Connections { get; set; }

        public int HalfOpen { get; set; }
    }

    /// <summary>Puts segments into frames. The checksum is left to the switch, which leaves it to the guest if that can.</summary>
    private sealed class TcpLink(UserModeGateway owner) : ITcpLink
    {
        private EthernetFrame? _frame;

        public Span<byte> Begin(TcpConnection connection, int segmentBytes)
        {
            _frame = owner._builder.Create(connection.Key.Local, connection.Key.Remote, PacketLayout.Tcp, segmentBytes);
            return _frame.Span[FrameBuilder.HeaderBytes(connection.Key.Remote)..];
        }

        public void End(TcpConnection connection, int headerBytes, int segmentPayloadBytes)
        {
            var frame = _frame!;
            _frame = null;
            var payload = frame.Length - FrameBuilder.HeaderBytes(connection.Key.Remote) - headerBytes;
            Finish(frame, connection.Key.Local, connection.Key.Remote, headerBytes, payload > segmentPayloadBytes ? segmentPayloadBytes : 0);
            owner.SendIp(frame, connection.Key.Remote);
        }

        /// <summary>Writes the sum of the pseudo header, and says what is left to do.</summary>
        public void Finish(EthernetFrame frame, IpAddress source, IpAddress destination, int headerBytes, int segmentBytes)
        {
            var start = FrameBuilder.HeaderBytes(destination);
            var sum = FrameBuilder.PseudoHeader(source, destination, PacketLayout.Tcp, frame.Length - start);
            BinaryPrimitives.WriteUInt16BigEndian(frame.Span[(start + 16)..], (ushort)sum);
            frame.Offload = new FrameOffload
            {
                NeedsChecksum = true,
                ChecksumStart = (ushort)start,
                ChecksumOffset = 16,
                SegmentBytes = (ushort)segmentBytes,
                HeaderBytes = (ushort)(start + headerBytes),
                Segmentation = segmentBytes == 0 ? SegmentationKind.None : destination.IsV4 ? SegmentationKind.Tcp4 : SegmentationKind.Tcp6,
            };
        }
    }
}
