using System.Buffers.Binary;

namespace Vivarium.Network.UserMode;

/// <content>Where frames come in. All wait for a thread of the pool, except a single short question, which is answered on the spot.</content>
public sealed partial class UserModeGateway
{
    private const int ShortFrameBytes = 512;

    /// <summary>
    /// Whether a frame is quickly dealt with: a ping, a question for an address or a name. TCP is not, as an acknowledgement can set a window's
    /// worth of data free, and copying that is no work for a guest's vCPU.
    /// </summary>
    private static bool IsQuick(ReadOnlySpan<byte> data)
    {
        if (data.Length is < 34 or > ShortFrameBytes)
        {
            return false;
        }

        return BinaryPrimitives.ReadUInt16BigEndian(data[12..]) switch
        {
            PacketLayout.Arp => true,
            PacketLayout.Ipv4 => data[14 + 9] is PacketLayout.Icmp or PacketLayout.Udp,
            PacketLayout.Ipv6 => data[14 + 6] is PacketLayout.IcmpV6 or PacketLayout.Udp,
            _ => false,
        };
    }

    /// <summary>Takes a frame if nobody else is at work here, and none waits that came before.</summary>
    private bool TryReceiveNow(EthernetFrame frame)
    {
        // A mirror can bring the gateway's own frames back here while it sends.
        if (_gate.IsHeldByCurrentThread || !_gate.TryEnter())
        {
            return false;
        }

        try
        {
            if (_disposed || _inbox.Count > 0)
            {
                return false;
            }

            var nowNs = _clock.NowNs;
            Receive(frame, nowNs);
            frame.Release();
            OutputTouched(nowNs);
            FlushOutbox();
            Schedule();
            return true;
        }
        finally
        {
            _gate.Exit();
        }
    }

    private sealed class Inlet(UserModeGateway owner) : IFrameSink
    {
        /// <summary>TCP is a stream, whatever it comes in; but a datagram must reach the other side as the guest meant it, so the switch cuts those.</summary>
        public FrameCapabilities Capabilities => FrameCapabilities.All & ~FrameCapabilities.UdpSegmentation;

        public void Send(ReadOnlySpan<EthernetFrame> frames)
        {
            if (frames.Length != 1 || !IsQuick(frames[0].Data) || !owner.TryReceiveNow(frames[0]))
            {
                owner._inbox.Send(frames);
            }
        }
    }
}
