using System.Buffers.Binary;

namespace Vivarium.Network;

/// <summary>Puts 802.1Q tags into frames and takes them out.</summary>
internal static class VlanTag
{
    public const int Bytes = 4;
    public const ushort VlanMask = 0xFFF;

    /// <summary>The tag of a frame, or false if it has none or is too short for one.</summary>
    public static bool TryRead(ReadOnlySpan<byte> frame, out ushort tag)
    {
        tag = 0;
        if (frame.Length < 18 || BinaryPrimitives.ReadUInt16BigEndian(frame[12..]) != PacketLayout.Vlan)
        {
            return false;
        }

        tag = BinaryPrimitives.ReadUInt16BigEndian(frame[14..]);
        return true;
    }

    /// <summary>Takes a reference of a tagged frame, and gives one of the frame without its tag.</summary>
    public static EthernetFrame Strip(EthernetFrame frame)
    {
        frame = Own(frame, 0);
        var data = frame.Span;
        data[..12].CopyTo(data[Bytes..]);
        frame.TrimFront(Bytes);
        frame.Offload = Shift(frame.Offload, -Bytes);
        return frame;
    }

    /// <summary>Takes a reference of a frame, and gives one of the frame with a tag.</summary>
    public static EthernetFrame Insert(EthernetFrame frame, ushort tag)
    {
        frame = Own(frame, Bytes);
        frame.GrowFront(Bytes);
        var data = frame.Span;
        data[Bytes..(Bytes + 12)].CopyTo(data);
        BinaryPrimitives.WriteUInt16BigEndian(data[12..], PacketLayout.Vlan);
        BinaryPrimitives.WriteUInt16BigEndian(data[14..], tag);
        frame.Offload = Shift(frame.Offload, Bytes);
        return frame;
    }

    private static EthernetFrame Own(EthernetFrame frame, int frontBytes)
    {
        if (!frame.IsShared && frame.FrontRoomBytes >= frontBytes)
        {
            return frame;
        }

        var copy = frame.Copy();
        frame.Release();
        return copy;
    }

    /// <summary>Offsets from the start of the frame move with the tag. One that did not reach behind the tag is a guest's nonsense and stays so.</summary>
    private static FrameOffload Shift(FrameOffload offload, int bytes) => offload with
    {
        ChecksumStart = offload.NeedsChecksum ? (ushort)Math.Clamp(offload.ChecksumStart + bytes, 0, ushort.MaxValue) : offload.ChecksumStart,
        HeaderBytes = offload.HeaderBytes == 0 ? (ushort)0 : (ushort)Math.Clamp(offload.HeaderBytes + bytes, 0, ushort.MaxValue),
    };
}
