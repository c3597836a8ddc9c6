using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Vivarium.Network.UserMode;

/// <content>What goes to guests.</content>
public sealed partial class UserModeGateway
{
    private readonly List<EthernetFrame> _outbox = [];

    /// <summary>Sends a frame to a guest, or lets it wait until the guest's Ethernet address is known.</summary>
    private void SendIp(EthernetFrame frame, IpAddress destination)
    {
        if (frame.Offload.Segmentation == SegmentationKind.None && frame.Length - 14 > _options.MtuBytes)
        {
            SendFragments(frame, destination);
            return;
        }

        if (_neighbours.TryFind(destination, out var guest))
        {
            guest.Write(frame.Span);
            _outbox.Add(frame);
        }
        else if (_neighbours.Wait(destination, frame, _clock.NowNs))
        {
            Ask(destination);
        }
    }

    private void FlushOutbox()
    {
        if (_outbox.Count > 0)
        {
            _port.Send(CollectionsMarshal.AsSpan(_outbox));
            _outbox.Clear();
        }
    }

    /// <summary>Cuts a packet that is too long for the link (RFC 791 §2.3; RFC 8200 §4.5).</summary>
    private void SendFragments(EthernetFrame whole, IpAddress destination)
    {
        var data = whole.Data;
        var header = FrameBuilder.HeaderBytes(destination);
        var isV4 = destination.IsV4;
        var protocol = isV4 ? data[14 + 9] : data[14 + 6];
        var source = isV4 ? IpAddress.Read(data[26..30]) : IpAddress.Read(data[22..38]);
        var payload = data[header..];
        var extra = isV4 ? 0 : 8;
        var most = (_options.MtuBytes - (header - 14) - extra) & ~7;
        var id = (uint)_random.Next();
        for (var offset = 0; offset < payload.Length; offset += most)
        {
            var piece = payload.Slice(offset, Math.Min(most, payload.Length - offset));
            var hasMore = offset + piece.Length < payload.Length;
            var frame = _builder.Create(source, destination, isV4 ? protocol : PacketLayout.Fragment, extra + piece.Length);
            var ip = frame.Span[14..];
            piece.CopyTo(frame.Span[(header + extra)..]);
            if (isV4)
            {
                BinaryPrimitives.WriteUInt16BigEndian(ip[4..], (ushort)id);
                BinaryPrimitives.WriteUInt16BigEndian(ip[6..], (ushort)((hasMore ? 0x2000 : 0) | (offset / 8)));
                ip[10] = ip[11] = 0;
                BinaryPrimitives.WriteUInt16BigEndian(ip[10..], InternetChecksum.Compute(ip[..20]));
            }
            else
            {
                ip[40] = protocol;
                ip[41] = 0;
                BinaryPrimitives.WriteUInt16BigEndian(ip[42..], (ushort)(offset | (hasMore ? 1 : 0)));
                BinaryPrimitives.WriteUInt32BigEndian(ip[44..], id);
            }

            SendIp(frame, destination);
        }

        whole.Release();
    }
}
