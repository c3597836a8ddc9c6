using System.Buffers.Binary;

namespace Vivarium.Network.UserMode;

/// <summary>A TCP header as it came, and where its parts are.</summary>
internal readonly ref struct TcpHeader
{
    public const int MinBytes = 20;
    public const int MaxSackBlocks = 4;

    public ushort SourcePort { get; private init; }

    public ushort DestinationPort { get; private init; }

    public uint Sequence { get; private init; }

    public uint Acknowledgment { get; private init; }

    public TcpFlags Flags { get; private init; }

    /// <summary>As it stands in the header, not scaled.</summary>
    public ushort Window { get; private init; }

    public ReadOnlySpan<byte> Options { get; private init; }

    public ReadOnlySpan<byte> Payload { get; private init; }

    /// <summary>Payload and control bits that take sequence numbers.</summary>
    public int SequenceLength => Payload.Length + (Has(TcpFlags.Syn) ? 1 : 0) + (Has(TcpFlags.Fin) ? 1 : 0);

    public bool Has(TcpFlags flag) => (Flags & flag) != 0;

    /// <summary>Reads a segment, whose checksum has been dealt with. False if it is malformed.</summary>
    public static bool TryParse(ReadOnlySpan<byte> segment, out TcpHeader header)
    {
        header = default;
        if (segment.Length < MinBytes)
        {
            return false;
        }

        var headerBytes = (segment[12] >> 4) * 4;
        if (headerBytes < MinBytes || headerBytes > segment.Length)
        {
            return false;
        }

        header = new TcpHeader
        {
            SourcePort = BinaryPrimitives.ReadUInt16BigEndian(segment),
            DestinationPort = BinaryPrimitives.ReadUInt16BigEndian(segment[2..]),
            Sequence = BinaryPrimitives.ReadUInt32BigEndian(segment[4..]),
            Acknowledgment = BinaryPrimitives.ReadUInt32BigEndian(segment[8..]),
            Flags = (TcpFlags)(segment[13] & 0x1F),
            Window = BinaryPrimitives.ReadUInt16BigEndian(segment[14..]),
            Options = segment[MinBytes..headerBytes],
            Payload = segment[headerBytes..],
        };
        return true;
    }
}
