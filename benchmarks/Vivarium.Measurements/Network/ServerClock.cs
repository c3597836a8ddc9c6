using System.Buffers.Binary;
using Vivarium.Network;

namespace Vivarium.Measurements;

/// <summary>
/// The time that connections to a guest's server spend in the guest, out of a capture at its port: from the SYN to its answer, and from the last
/// byte of the request to the last of the response. What wakes the guest's processor is in it.
/// </summary>
internal static class ServerClock
{
    private const int HeaderBytes = 14 + 20;

    /// <summary>Milliseconds for each connection to a port.</summary>
    public static List<double> Read(ReadOnlySpan<byte> pcapng, int port)
    {
        var times = new List<double>();
        long synNs = 0, requestNs = 0, shakeNs = 0, responseNs = 0;
        while (pcapng.Length >= 12)
        {
            var block = pcapng[..BinaryPrimitives.ReadInt32LittleEndian(pcapng[4..])];
            pcapng = pcapng[block.Length..];
            if (BinaryPrimitives.ReadUInt32LittleEndian(block) != 6 || !TryReadSegment(block, out var segment))
            {
                continue;
            }

            if (segment.ToGuest && segment.Port == port)
            {
                if (segment.IsSyn)
                {
                    Add(times, shakeNs, requestNs, responseNs);
                    (synNs, requestNs, shakeNs, responseNs) = (segment.TimeNs, 0, 0, 0);
                }
                else if (segment.HasPayload)
                {
                    requestNs = segment.TimeNs;
                }
            }
            else if (!segment.ToGuest && segment.FromPort == port)
            {
                shakeNs = segment.IsSyn ? segment.TimeNs - synNs : shakeNs;
                responseNs = segment.HasPayload ? segment.TimeNs : responseNs;
            }
        }

        Add(times, shakeNs, requestNs, responseNs);
        return times;
    }

    private static void Add(List<double> times, long shakeNs, long requestNs, long responseNs)
    {
        if (requestNs > 0 && responseNs > requestNs)
        {
            times.Add((shakeNs + responseNs - requestNs) / 1e6);
        }
    }

    /// <summary>An enhanced packet block (draft-ietf-opsawg-pcapng §4.3) with TCP over IPv4 in it. Times are in nanoseconds here.</summary>
    private static bool TryReadSegment(ReadOnlySpan<byte> block, out Segment segment)
    {
        segment = default;
        var length = BinaryPrimitives.ReadInt32LittleEndian(block[20..]);
        var frame = block.Slice(28, length);
        if (length < HeaderBytes + 20 || BinaryPrimitives.ReadUInt16BigEndian(frame[12..]) != 0x0800 || frame[14] != 0x45 || frame[23] != 6)
        {
            return false;
        }

        var tcp = frame[HeaderBytes..];
        var timeNs = ((long)BinaryPrimitives.ReadUInt32LittleEndian(block[12..]) << 32) | BinaryPrimitives.ReadUInt32LittleEndian(block[16..]);
        var flags = (CaptureDirection)BinaryPrimitives.ReadUInt32LittleEndian(block[(28 + ((length + 3) & ~3) + 4)..]);
        var payload = BinaryPrimitives.ReadUInt16BigEndian(frame[16..]) - 20 - ((tcp[12] >> 4) * 4);
        segment = new Segment(
            timeNs, flags == CaptureDirection.ToDevice, BinaryPrimitives.ReadUInt16BigEndian(tcp), BinaryPrimitives.ReadUInt16BigEndian(tcp[2..]), (tcp[13] & 2) != 0, payload > 0);
        return true;
    }

    private readonly record struct Segment(long TimeNs, bool ToGuest, int FromPort, int Port, bool IsSyn, bool HasPayload);
}
