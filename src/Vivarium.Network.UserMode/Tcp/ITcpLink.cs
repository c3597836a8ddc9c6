namespace Vivarium.Network.UserMode;

/// <summary>What a connection sends by: it puts addresses and IP around a segment. Called under the lock of the connection's owner.</summary>
internal interface ITcpLink
{
    /// <summary>A place of so many bytes for a TCP header and payload.</summary>
    Span<byte> Begin(TcpConnection connection, int segmentBytes);

    /// <summary>Sends what was written into the last place; a payload beyond <paramref name="segmentPayloadBytes"/> is cut into pieces of that.</summary>
    void End(TcpConnection connection, int headerBytes, int segmentPayloadBytes);
}
