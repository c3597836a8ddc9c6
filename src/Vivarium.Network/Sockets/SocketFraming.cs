using System.Buffers.Binary;

namespace Vivarium.Network;

/// <summary>The framing of QEMU's stream back end: a length in four bytes, big-endian, and the frame.</summary>
internal static class SocketFraming
{
    /// <summary>Whether a whole frame is there, and its length.</summary>
    /// <exception cref="InvalidDataException">The length is that of no frame; where the next one begins cannot be known.</exception>
    public static bool TryRead(ReadOnlySpan<byte> data, out int length)
    {
        length = 0;
        if (data.Length < 4)
        {
            return false;
        }

        var said = BinaryPrimitives.ReadUInt32BigEndian(data);
        if (said > EthernetFrame.MaxLengthBytes)
        {
            throw new InvalidDataException($"The other side of a socket announced a frame of {said} bytes; none is longer than {EthernetFrame.MaxLengthBytes}.");
        }

        length = (int)said;
        return data.Length - 4 >= length;
    }
}
