using System.Buffers.Binary;
using System.Net.Sockets;

namespace Vivarium.Network.UserMode;

/// <content>Pings of guests to the outside.</content>
public sealed partial class UserModeGateway
{
    private const int MostEchoFlows = 256, MostEchoFlowsPerGuest = 32;

    private readonly Dictionary<EchoFlowKey, EchoFlow> _echoFlows = [];

    /// <summary>Pings of guests that go to the outside, each by its guest, identifier and target.</summary>
    public int EchoFlowCount
    {
        get
        {
            lock (_gate)
            {
                return _echoFlows.Count;
            }
        }
    }

    /// <summary>Sends a guest's ping to the outside; one that is forbidden, or for which the host gives no socket, is answered as prohibited.</summary>
    private void SendEcho(in Packet packet, long nowNs)
    {
        if (!IsGuestAddress(packet.Source) || IsGuestAddress(packet.Destination) || packet.Destination.IsMulticast)
        {
            return;
        }

        var message = packet.Payload;
        var key = new EchoFlowKey(packet.Source, BinaryPrimitives.ReadUInt16BigEndian(message[4..]), packet.Destination);
        if (!_echoFlows.TryGetValue(key, out var flow) && !TryBeginEcho(packet, key, out flow))
        {
            return;
        }

        flow.UsedNs = nowNs;
        flow.Send(message);
    }

    private bool TryBeginEcho(in Packet packet, EchoFlowKey key, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out EchoFlow? flow)
    {
        flow = null;
        if (TargetOf(key.Target, 0) is null)
        {
            SendUnreachable(packet);
            return false;
        }

        var guest = packet.Guest.Value;
        var own = _echoFlows.Values.Where(other => other.Guest == guest).ToList();
        if (own.Count >= MostEchoFlowsPerGuest || (own.Count > 0 && _echoFlows.Count >= MostEchoFlows))
        {
            End(own.MinBy(static other => other.UsedNs)!);
        }

        if (_echoFlows.Count >= MostEchoFlows)
        {
            return false;
        }

        try
        {
            flow = new EchoFlow(key, guest);
        }
        catch (SocketException)
        {
            SendUnreachable(packet);
            return false;
        }

        _echoFlows.Add(key, flow);
        _ = flow.ReceiveAsync(ReceiveEchoReply);
        return true;
    }

    private void ReceiveEchoReply(EchoFlow flow, ReadOnlyMemory<byte> sequenceAndData) => Locked(nowNs =>
    {
        var key = flow.Key;
        if (_disposed || !_echoFlows.TryGetValue(key, out var current) || !ReferenceEquals(current, flow))
        {
            return;
        }

        flow.UsedNs = nowNs;
        Span<byte> body = new byte[2 + sequenceAndData.Length];
        BinaryPrimitives.WriteUInt16BigEndian(body, key.Id);
        sequenceAndData.Span.CopyTo(body[2..]);
        SendIp(_builder.CreateIcmp(key.Target, key.Guest, key.Guest.IsV4 ? EchoReply : EchoReply6, 0, body), key.Guest);
    });

    private void ExpireEcho(long limitNs)
    {
        foreach (var flow in _echoFlows.Values)
        {
            if (flow.UsedNs < limitNs)
            {
                End(flow);
            }
        }
    }

    private void End(EchoFlow flow)
    {
        _echoFlows.Remove(flow.Key);
        flow.Dispose();
    }

    private void CloseEcho()
    {
        foreach (var flow in _echoFlows.Values)
        {
            End(flow);
        }
    }
}
