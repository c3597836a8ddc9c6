using System.Net;
using System.Threading.Channels;

namespace Vivarium.Network.UserMode;

/// <summary>
/// A UDP port of this process on the network of the guests, without a socket of the host. As with any UDP, datagrams may be lost: those to an
/// address that nobody has, and those from guests that find <see cref="MaxWaitingBytes"/> waiting. Any thread.
/// </summary>
public sealed class GuestUdpEndpoint : IDisposable
{
    /// <summary>The bytes that may wait to be received. What comes beyond is dropped and counted.</summary>
    public const int MaxWaitingBytes = 1 << 20;

    // What a waiting datagram costs beside its payload, so that empty ones are bounded too.
    private const int OverheadBytes = 128;

    private readonly UserModeGateway _gateway;
    private readonly Channel<GuestDatagram> _waiting = Channel.CreateUnbounded<GuestDatagram>();
    private int _waitingBytes;
    private long _dropped;

    internal GuestUdpEndpoint(UserModeGateway gateway, IPEndPoint endPoint)
    {
        _gateway = gateway;
        LocalEndPoint = endPoint;
    }

    /// <summary>Where guests find it.</summary>
    public IPEndPoint LocalEndPoint { get; }

    /// <summary>Datagrams of guests that were dropped because too many waited.</summary>
    public long DroppedCount => Interlocked.Read(ref _dropped);

    /// <summary>Sends a datagram to a guest. It waits for nothing: a guest that is not there is not noticed.</summary>
    /// <param name="payload">0 to 65,507 bytes; what is longer than the link's MTU goes in fragments.</param>
    /// <param name="guest">The guest's address, of the same family as <see cref="LocalEndPoint"/>, and its port.</param>
    /// <exception cref="ArgumentException">The address is none of a guest, or of the other family, or the payload is too long.</exception>
    /// <exception cref="ObjectDisposedException">The endpoint or its gateway was disposed.</exception>
    public void SendTo(ReadOnlySpan<byte> payload, IPEndPoint guest) => _gateway.SendFrom(this, payload, guest);

    /// <summary>The next datagram of a guest, in the order in which they came.</summary>
    /// <exception cref="ObjectDisposedException">The endpoint or its gateway was disposed, and nothing waits any more.</exception>
    public async ValueTask<GuestDatagram> ReceiveAsync(CancellationToken cancellationToken = default)
    {
        try
        {
            var datagram = await _waiting.Reader.ReadAsync(cancellationToken).ConfigureAwait(false);
            Interlocked.Add(ref _waitingBytes, -(datagram.Payload.Length + OverheadBytes));
            return datagram;
        }
        catch (ChannelClosedException)
        {
            throw new ObjectDisposedException(nameof(GuestUdpEndpoint));
        }
    }

    /// <summary>Gives the port back. Whoever waits to receive gets an <see cref="ObjectDisposedException"/>.</summary>
    public void Dispose()
    {
        _gateway.Remove(this);
        Close();
    }

    internal void Close() => _waiting.Writer.TryComplete();

    /// <summary>Takes a datagram of a guest. Under the gateway's lock, so that one comes at a time.</summary>
    internal void Deliver(IpAddress source, ushort port, ReadOnlySpan<byte> payload)
    {
        var bytes = payload.Length + OverheadBytes;
        if (Volatile.Read(ref _waitingBytes) + bytes > MaxWaitingBytes)
        {
            Interlocked.Increment(ref _dropped);
            return;
        }

        Interlocked.Add(ref _waitingBytes, bytes);
        _waiting.Writer.TryWrite(new GuestDatagram(new IPEndPoint(source.ToIPAddress(), port), payload.ToArray()));
    }
}
