using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace Vivarium.Network.UserMode;

/// <content>UDP: the services, and flows to the outside.</content>
public sealed partial class UserModeGateway
{
    private const ushort DhcpServerPort = 67, DhcpClientPort = 68, DnsPort = 53;

    private readonly Dictionary<UdpFlowKey, UdpFlow> _udpFlows = [];

    private void ReceiveUdp(in Packet packet, long nowNs)
    {
        var udp = packet.Payload;
        if (udp.Length < 8)
        {
            return;
        }

        var length = BinaryPrimitives.ReadUInt16BigEndian(udp[4..]);
        if (length < 8 || length > udp.Length)
        {
            return;
        }

        var sourcePort = BinaryPrimitives.ReadUInt16BigEndian(udp);
        var port = BinaryPrimitives.ReadUInt16BigEndian(udp[2..]);
        var payload = udp[8..length];
        if (port == DhcpServerPort && packet.Destination.IsV4 && (packet.Destination == _address4 || packet.Destination == IpAddress.FromV4(uint.MaxValue)))
        {
            AnswerDhcp(packet, payload, nowNs);
            return;
        }

        if (!IsGuestAddress(packet.Source) || packet.Destination.IsMulticast || port == 0)
        {
            return;
        }

        if (port == DnsPort && IsOurs(packet.Destination))
        {
            AnswerDns(packet.Source, sourcePort, packet.Destination, payload);
        }
        else if (packet.Destination == _address4 && _forwardFlows.TryUse(new ForwardKey(packet.Source, sourcePort, port), nowNs, out var forward))
        {
            forward.Owner.SendBack(payload, forward.Client);
        }
        else if (_udpEndpoints.TryGetValue((packet.Destination, port), out var endpoint))
        {
            endpoint.Deliver(packet.Source, sourcePort, payload);
        }
        else if (TargetOf(packet.Destination, port) is { } target)
        {
            SendOut(packet, sourcePort, payload, target, nowNs);
        }
        else if (!IsGuestAddress(packet.Destination) && packet.Destination != IpAddress.FromV4(uint.MaxValue) && !packet.Destination.IsIn(_network4, _options.Network.PrefixLength))
        {
            SendUnreachable(packet);
        }
    }

    private void SendOut(in Packet packet, ushort sourcePort, ReadOnlySpan<byte> payload, IPEndPoint target, long nowNs)
    {
        var key = new UdpFlowKey(packet.Source, sourcePort, packet.Destination == _address4 || packet.Destination == _address6);
        if (!_udpFlows.TryGetValue(key, out var flow))
        {
            MakeRoomForFlow(packet.Guest.Value);
            if (_udpFlows.Count >= _options.MaxUdpFlows)
            {
                return;
            }

            try
            {
                flow = new UdpFlow(key, packet.Guest.Value);
            }
            catch (SocketException)
            {
                // The host has no socket left: the datagram is lost, and the next one tries again.
                return;
            }

            _udpFlows.Add(key, flow);
            _ = flow.ReceiveAsync(ReceiveFromOutside);
        }

        flow.UsedNs = nowNs;
        flow.Send(payload, target);
    }

    /// <summary>A guest with its fill loses the flow that it has used least lately, and no other guest does.</summary>
    private void MakeRoomForFlow(ulong guest)
    {
        var own = 0;
        UdpFlow? oldest = null;
        foreach (var flow in _udpFlows.Values)
        {
            if (flow.Guest == guest)
            {
                own++;
                oldest = oldest is null || flow.UsedNs < oldest.UsedNs ? flow : oldest;
            }
        }

        if (oldest is not null && (own >= _options.MaxUdpFlowsPerGuest || _udpFlows.Count >= _options.MaxUdpFlows))
        {
            End(oldest);
        }
    }

    private void ReceiveFromOutside(UdpFlow flow, ReadOnlyMemory<byte> payload, IPEndPoint peer) => Locked(nowNs =>
    {
        if (_disposed || !flow.Knows(peer))
        {
            return;
        }

        flow.UsedNs = nowNs;
        var key = flow.Key;
        var source = key.IsToHost ? (key.Guest.IsV4 ? _address4 : _address6) : IpAddress.From(peer.Address);
        var most = 65_535 - (key.Guest.IsV4 ? 28 : 8);
        SendIp(_builder.CreateUdp(source, (ushort)peer.Port, key.Guest, key.Port, payload.Span[..Math.Min(payload.Length, most)]), key.Guest);
    });

    private void ExpireUdp(long nowNs)
    {
        var limitNs = nowNs - (_options.UdpTimeout.Ticks * 100);
        foreach (var flow in _udpFlows.Values.Where(flow => flow.UsedNs < limitNs).ToList())
        {
            End(flow);
        }

        ExpireEcho(limitNs);
        _forwardFlows.Expire(limitNs);
    }

    private void End(UdpFlow flow)
    {
        _udpFlows.Remove(flow.Key);
        flow.Dispose();
    }

    private void CloseUdp()
    {
        foreach (var flow in _udpFlows.Values)
        {
            flow.Dispose();
        }

        CloseEcho();
        _udpFlows.Clear();
        _forwardFlows.Clear();
        foreach (var endpoint in _udpEndpoints.Values)
        {
            endpoint.Close();
        }

        _udpEndpoints.Clear();
    }

    private void AnswerDhcp(in Packet packet, ReadOnlySpan<byte> message, long nowNs)
    {
        Span<byte> reply = stackalloc byte[576];
        var length = _dhcp.Answer(message, packet.Guest, nowNs, reply);
        if (length == 0)
        {
            return;
        }

        // To the address that the client has, or else to all IP addresses of its station; to all stations if it asks so (RFC 2131 §4.1).
        var client = IpAddress.Read(reply[12..16]);
        var given = IpAddress.Read(reply[16..20]);
        var wantsBroadcast = (message[10] & 0x80) != 0 && client.IsUnspecified;
        var destination = client.IsUnspecified ? IpAddress.FromV4(uint.MaxValue) : client;
        var frame = _builder.CreateUdp(_address4, DhcpServerPort, destination, DhcpClientPort, reply[..length]);
        (wantsBroadcast ? MacAddress.Broadcast : packet.Guest).Write(frame.Span);
        _outbox.Add(frame);
        if (!given.IsUnspecified)
        {
            Learn(given, packet.Guest, nowNs);
        }
    }
}
