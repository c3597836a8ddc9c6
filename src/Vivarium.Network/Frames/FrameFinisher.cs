using System.Buffers.Binary;

namespace Vivarium.Network;

/// <summary>Does the work that a sender left in a frame's offload: checksums, and cutting large frames into the link's.</summary>
internal static class FrameFinisher
{
    /// <summary>
    /// The smallest piece that a frame may ask to be cut into. Linux sends no TCP segment below 48 bytes, and one frame must not become tens of
    /// thousands.
    /// </summary>
    private const int LeastSegmentBytes = 40;

    /// <summary>Takes pieces, with their references.</summary>
    public delegate void Output<TState>(TState state, ReadOnlySpan<EthernetFrame> frames)
        where TState : allows ref struct;

    /// <summary>How many frames go over a link for this one.</summary>
    public static int CountPieces(EthernetFrame frame)
    {
        var offload = frame.Offload;
        return offload.Segmentation == SegmentationKind.None ? 1 : Math.Max(1, frame.Length / Math.Max(LeastSegmentBytes, (int)offload.SegmentBytes));
    }

    /// <summary>The longest frame that will go over a link for this one.</summary>
    public static int LongestPieceBytes(EthernetFrame frame)
    {
        var offload = frame.Offload;
        return offload.Segmentation != SegmentationKind.None && TryLayOut(frame.Data, offload, out _, out var headerBytes)
            ? Math.Min(frame.Length, headerBytes + offload.SegmentBytes)
            : frame.Length;
    }

    /// <summary>
    /// Takes a reference of <paramref name="frame"/> and hands on frames of the same data that need nothing of <paramref name="missing"/>.
    /// False if the offload does not fit the frame, which is then dropped.
    /// </summary>
    public static bool Finish<TState>(EthernetFrame frame, FrameCapabilities missing, TState state, Output<TState> output)
        where TState : allows ref struct
    {
        var offload = frame.Offload;
        if ((offload.Required & missing & ~FrameCapabilities.Checksum) != 0)
        {
            var done = Segment(frame, offload, state, output);
            frame.Release();
            return done;
        }

        if (!offload.NeedsChecksum || (missing & FrameCapabilities.Checksum) == 0)
        {
            output(state, new ReadOnlySpan<EthernetFrame>(in frame));
            return true;
        }

        if (frame.IsShared)
        {
            var copy = frame.Copy();
            frame.Release();
            frame = copy;
        }

        if (!TryComplete(frame.Span, offload))
        {
            frame.Release();
            return false;
        }

        frame.Offload = offload with { NeedsChecksum = false, ChecksumValid = offload.Segmentation == SegmentationKind.None };
        output(state, new ReadOnlySpan<EthernetFrame>(in frame));
        return true;
    }

    /// <summary>Completes a checksum in place. False if its place is not in the frame.</summary>
    public static bool TryComplete(Span<byte> frame, FrameOffload offload)
    {
        var place = offload.ChecksumStart + offload.ChecksumOffset;
        if (place + 2 > frame.Length)
        {
            return false;
        }

        // The field holds the pseudo header's sum, so it counts as data. A UDP checksum of zero would mean "none" (RFC 768).
        var sum = InternetChecksum.Compute(frame[offload.ChecksumStart..]);
        BinaryPrimitives.WriteUInt16BigEndian(frame[place..], sum == 0 ? (ushort)0xFFFF : sum);
        return true;
    }

    private static bool TryLayOut(ReadOnlySpan<byte> frame, FrameOffload offload, out PacketLayout layout, out int headerBytes)
    {
        headerBytes = 0;
        if (offload.SegmentBytes < LeastSegmentBytes || !PacketLayout.TryParse(frame, out layout) || layout.IsFragment)
        {
            layout = default;
            return false;
        }

        var isUdp = offload.Segmentation == SegmentationKind.Udp;
        var fits = isUdp
            ? layout.Protocol == PacketLayout.Udp
            : layout.Protocol == PacketLayout.Tcp && layout.EtherType == (offload.Segmentation == SegmentationKind.Tcp4 ? PacketLayout.Ipv4 : PacketLayout.Ipv6);
        if (!fits || layout.End - layout.Transport < (isUdp ? 8 : 20))
        {
            return false;
        }

        headerBytes = layout.Transport + (isUdp ? 8 : (frame[layout.Transport + 12] >> 4) * 4);
        return headerBytes <= layout.End && headerBytes >= layout.Transport + (isUdp ? 8 : 20);
    }

    private static bool Segment<TState>(EthernetFrame frame, FrameOffload offload, TState state, Output<TState> output)
        where TState : allows ref struct
    {
        var data = frame.Data;
        if (!TryLayOut(data, offload, out var layout, out var headerBytes))
        {
            return false;
        }

        var batch = default(FrameBatch);
        var count = 0;
        var payload = data[headerBytes..layout.End];
        var index = 0;
        for (var offset = 0; offset == 0 || offset < payload.Length; offset += offload.SegmentBytes, index++)
        {
            var piece = payload.Slice(offset, Math.Min(offload.SegmentBytes, payload.Length - offset));
            var made = frame.Pool.Rent(headerBytes + piece.Length);
            data[..headerBytes].CopyTo(made.Span);
            piece.CopyTo(made.Span[headerBytes..]);
            Correct(made.Span, layout, index, offset, isLast: offset + piece.Length == payload.Length);
            made.Offload = new FrameOffload { ChecksumValid = true };
            batch[count++] = made;
            if (count == FrameBatch.Capacity)
            {
                output(state, batch);
                count = 0;
            }
        }

        if (count > 0)
        {
            output(state, batch[..count]);
        }

        return true;
    }

    /// <summary>Makes the copied headers of a piece its own: lengths, identification, sequence number, flags, checksums.</summary>
    private static void Correct(Span<byte> frame, PacketLayout layout, int index, int offset, bool isLast)
    {
        var ip = frame[layout.Network..];
        var transport = frame[layout.Transport..];
        ReadOnlySpan<byte> source, destination;
        if (layout.EtherType == PacketLayout.Ipv4)
        {
            BinaryPrimitives.WriteUInt16BigEndian(ip[2..], (ushort)ip.Length);
            BinaryPrimitives.WriteUInt16BigEndian(ip[4..], (ushort)(layout.FragmentId + (uint)index));
            ip[10] = ip[11] = 0;
            BinaryPrimitives.WriteUInt16BigEndian(ip[10..], InternetChecksum.Compute(ip[..(layout.Transport - layout.Network)]));
            source = ip[12..16];
            destination = ip[16..20];
        }
        else
        {
            BinaryPrimitives.WriteUInt16BigEndian(ip[4..], (ushort)(ip.Length - 40));
            source = ip[8..24];
            destination = ip[24..40];
        }

        int place;
        if (layout.Protocol == PacketLayout.Udp)
        {
            BinaryPrimitives.WriteUInt16BigEndian(transport[4..], (ushort)transport.Length);
            place = 6;
        }
        else
        {
            BinaryPrimitives.WriteUInt32BigEndian(transport[4..], BinaryPrimitives.ReadUInt32BigEndian(transport[4..]) + (uint)offset);
            const byte cwr = 0x80, finPush = 0x09;
            transport[13] = (byte)(transport[13] & ~(isLast ? 0 : finPush) & ~(index == 0 ? 0 : cwr));
            place = 16;
        }

        transport[place] = transport[place + 1] = 0;
        var sum = InternetChecksum.Add(InternetChecksum.PseudoHeader(source, destination, layout.Protocol, transport.Length), transport);
        var checksum = InternetChecksum.Finish(sum);
        BinaryPrimitives.WriteUInt16BigEndian(transport[place..], checksum == 0 ? (ushort)0xFFFF : checksum);
    }
}
