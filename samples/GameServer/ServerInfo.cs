using System.Buffers.Binary;
using System.Text;

namespace Vivarium.Samples.GameServer;

/// <summary>What a Teeworlds 0.7 server says of itself, and how it is asked.</summary>
internal sealed record ServerInfo(string Version, string Name, string Map, string GameType)
{
    private const uint NoToken = uint.MaxValue;
    private const byte TokenMessage = 5, ControlPacket = 1 << 2, PacketOutsideConnection = (8 << 2) | 1;

    /// <summary>Sends a datagram and gives the answer to it, however they travel.</summary>
    public delegate Task<byte[]> Exchange(byte[] datagram, CancellationToken cancellationToken);

    /// <summary>Asks for a token, so that the server knows us for who we say, and with it for the server's info.</summary>
    public static async Task<ServerInfo> QueryAsync(Exchange exchange, CancellationToken cancellationToken)
    {
        var own = (uint)Random.Shared.Next();
        // So long that nobody gains by forging where it comes from.
        var request = new byte[520];
        request[0] = ControlPacket;
        BinaryPrimitives.WriteUInt32BigEndian(request.AsSpan(3), NoToken);
        request[7] = TokenMessage;
        BinaryPrimitives.WriteUInt32BigEndian(request.AsSpan(8), own);
        var token = await exchange(request, cancellationToken);
        if (token.Length < 12 || token[0] != ControlPacket || token[7] != TokenMessage || BinaryPrimitives.ReadUInt32BigEndian(token.AsSpan(3)) != own)
        {
            throw new InvalidDataException("The server did not answer with a token.");
        }

        byte[] query = [PacketOutsideConnection, .. token.AsSpan(8, 4), .. request.AsSpan(8, 4), 0xFF, 0xFF, 0xFF, 0xFF, .. "gie3"u8, 1];
        var info = await exchange(query, cancellationToken);
        if (info.Length < 18 || !info.AsSpan(13, 4).SequenceEqual("inf3"u8))
        {
            throw new InvalidDataException("The server did not answer with its info.");
        }

        // Version, name, host name, map and game type, each with a zero behind it.
        var texts = Encoding.UTF8.GetString(info, 18, info.Length - 18).Split('\0');
        return texts is [var version, var name, _, var map, var gameType, ..]
            ? new ServerInfo(version, name, map, gameType)
            : throw new InvalidDataException("The server's info is cut off.");
    }
}
