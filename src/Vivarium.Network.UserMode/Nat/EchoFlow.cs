using System.Net;
using System.Net.Sockets;

namespace Vivarium.Network.UserMode;

/// <summary>Whose pings, and to whom.</summary>
internal readonly record struct EchoFlowKey(IpAddress Guest, ushort Id, IpAddress Target);

/// <summary>
/// One guest's pings of one address outside, by a socket of the host that may send and hear nothing but those (Linux's "ping socket", for which a
/// host needs no privilege but may be set to give none). Its owner's lock guards it.
/// </summary>
internal sealed class EchoFlow : IDisposable
{
    private const int HeaderBytes = 8;
    private readonly Socket _socket;

    /// <exception cref="SocketException">The host gives no such socket.</exception>
    public EchoFlow(EchoFlowKey key, ulong guest)
    {
        Key = key;
        Guest = guest;
        var target = key.Target.ToIPAddress();
        _socket = new Socket(target.AddressFamily, SocketType.Dgram, key.Target.IsV4 ? ProtocolType.Icmp : ProtocolType.IcmpV6) { Blocking = false };
        try
        {
            _socket.Connect(new IPEndPoint(target, 0));
        }
        catch
        {
            _socket.Dispose();
            throw;
        }
    }

    public EchoFlowKey Key { get; }

    public ulong Guest { get; }

    public long UsedNs { get; set; }

    /// <summary>Sends a question, or drops what the host does not take now. The host puts in an identifier of its own, and the checksum.</summary>
    public void Send(ReadOnlySpan<byte> message)
    {
        try
        {
            _socket.Send(message);
        }
        catch (SocketException)
        {
            // As on any network: nobody is told.
        }
    }

    /// <summary>Receives answers until the flow is disposed, and hands on each from its sequence number on.</summary>
    public async Task ReceiveAsync(Action<EchoFlow, ReadOnlyMemory<byte>> receive)
    {
        await Task.Yield();
        var buffer = new byte[65_536];
        var answer = (byte)(Key.Target.IsV4 ? 0 : 129);
        while (true)
        {
            try
            {
                var count = await _socket.ReceiveAsync(buffer).ConfigureAwait(false);

                // macOS leaves the IP header in front.
                var start = Key.Target.IsV4 && buffer[0] >> 4 == 4 ? (buffer[0] & 15) * 4 : 0;
                if (count >= start + HeaderBytes && buffer[start] == answer)
                {
                    receive(this, buffer.AsMemory(start + 6, count - start - 6));
                }
            }
            catch (SocketException exception) when (exception.SocketErrorCode is SocketError.ConnectionRefused or SocketError.ConnectionReset or SocketError.HostUnreachable or SocketError.NetworkUnreachable)
            {
                // A router said that nobody is there; others may be later.
            }
            catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
            {
                return;
            }
        }
    }

    public void Dispose() => _socket.Dispose();
}
