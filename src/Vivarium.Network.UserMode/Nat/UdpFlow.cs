using System.Net;
using System.Net.Sockets;

namespace Vivarium.Network.UserMode;

/// <summary>One port of a guest on its way out, with a socket of the host for it. Its owner's lock guards it.</summary>
internal sealed class UdpFlow : IDisposable
{
    private const int MostPeers = 256;

    private readonly Socket _socket;
    private readonly HashSet<IPEndPoint> _peers = [];

    public UdpFlow(UdpFlowKey key, ulong guest)
    {
        Key = key;
        Guest = guest;
        var any = key.Guest.IsV4 || key.IsToHost ? IPAddress.Any : IPAddress.IPv6Any;
        _socket = new Socket(any.AddressFamily, SocketType.Dgram, ProtocolType.Udp) { Blocking = false };
        try
        {
            _socket.Bind(new IPEndPoint(key.IsToHost ? IPAddress.Loopback : any, 0));
        }
        catch
        {
            _socket.Dispose();
            throw;
        }
    }

    public UdpFlowKey Key { get; }

    public ulong Guest { get; }

    public long UsedNs { get; set; }

    /// <summary>Sends, or drops what the host does not take now.</summary>
    public void Send(ReadOnlySpan<byte> payload, IPEndPoint target)
    {
        if (_peers.Count >= MostPeers)
        {
            _peers.Clear();
        }

        _peers.Add(target);
        try
        {
            _socket.SendTo(payload, target);
        }
        catch (SocketException)
        {
            // As on any network: nobody is told.
        }
    }

    /// <summary>Whether the guest has written to somebody, who may therefore answer (RFC 4787 §5).</summary>
    public bool Knows(IPEndPoint peer) => _peers.Contains(peer);

    /// <summary>Receives until the flow is disposed.</summary>
    public async Task ReceiveAsync(Action<UdpFlow, ReadOnlyMemory<byte>, IPEndPoint> receive)
    {
        await Task.Yield();
        var buffer = new byte[65_536];
        EndPoint any = new IPEndPoint(_socket.AddressFamily == AddressFamily.InterNetwork ? IPAddress.Any : IPAddress.IPv6Any, 0);
        while (true)
        {
            try
            {
                var result = await _socket.ReceiveFromAsync(buffer, any).ConfigureAwait(false);
                receive(this, buffer.AsMemory(0, result.ReceivedBytes), (IPEndPoint)result.RemoteEndPoint);
            }
            catch (SocketException exception) when (exception.SocketErrorCode is SocketError.ConnectionReset or SocketError.ConnectionRefused or SocketError.MessageSize)
            {
                // An earlier datagram found nobody; others may.
            }
            catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
            {
                return;
            }
        }
    }

    public void Dispose() => _socket.Dispose();
}
