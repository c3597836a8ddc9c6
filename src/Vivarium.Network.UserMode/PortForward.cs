using System.Net;
using System.Net.Sockets;

namespace Vivarium.Network.UserMode;

/// <summary>A port of the host that leads to a guest, until it is disposed.</summary>
public sealed class PortForward : IDisposable
{
    private readonly UserModeGateway _gateway;
    private readonly Socket _socket;
    private readonly IpAddress _guest;
    private readonly ushort _port;

    internal PortForward(UserModeGateway gateway, Socket socket, IpAddress guest, ushort port)
    {
        _gateway = gateway;
        _socket = socket;
        _guest = guest;
        _port = port;
        LocalEndPoint = (IPEndPoint)socket.LocalEndPoint!;
        IsUdp = socket.ProtocolType == ProtocolType.Udp;
    }

    /// <summary>Where the host listens; its port is the one chosen if 0 was asked for.</summary>
    public IPEndPoint LocalEndPoint { get; }

    /// <summary>Whether it carries UDP, else TCP.</summary>
    public bool IsUdp { get; }

    /// <summary>Ends it. TCP connections that go through it go on.</summary>
    public void Dispose()
    {
        _gateway.Remove(this);
        _socket.Dispose();
    }

    internal async Task AcceptAsync(CancellationToken stop)
    {
        await Task.Yield();
        while (true)
        {
            Socket client;
            try
            {
                client = await _socket.AcceptAsync(stop).ConfigureAwait(false);
            }
            catch (SocketException exception) when (exception.SocketErrorCode is SocketError.ConnectionAborted or SocketError.ConnectionReset)
            {
                continue;
            }
            catch (SocketException exception) when (exception.SocketErrorCode is SocketError.TooManyOpenSockets or SocketError.NoBufferSpaceAvailable)
            {
                // The host is short of sockets; it will have some again.
                await Task.Delay(100, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                continue;
            }
            catch (Exception exception) when (exception is SocketException or OperationCanceledException or ObjectDisposedException)
            {
                return;
            }

            _ = CarryAsync(client, stop);
        }
    }

    internal async Task ReceiveAsync()
    {
        await Task.Yield();
        var buffer = new byte[65_536];
        EndPoint any = new IPEndPoint(_socket.AddressFamily == AddressFamily.InterNetwork ? IPAddress.Any : IPAddress.IPv6Any, 0);
        while (true)
        {
            try
            {
                var result = await _socket.ReceiveFromAsync(buffer, any).ConfigureAwait(false);
                _gateway.ReceiveForwarded(this, (IPEndPoint)result.RemoteEndPoint, _guest, _port, buffer.AsMemory(0, result.ReceivedBytes));
            }
            catch (SocketException exception) when (exception.SocketErrorCode is SocketError.ConnectionReset or SocketError.ConnectionRefused or SocketError.MessageSize)
            {
                // A client is gone; others are there.
            }
            catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
            {
                return;
            }
        }
    }

    internal void SendBack(ReadOnlySpan<byte> payload, IPEndPoint client)
    {
        try
        {
            _socket.SendTo(payload, client);
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            // As on any network: nobody is told.
        }
    }

    private async Task CarryAsync(Socket client, CancellationToken stop)
    {
        GuestStream? stream = null;
        try
        {
            client.NoDelay = true;
            stream = _gateway.Open(_guest, _port);
            await stream.EstablishedAsync(stop).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is IOException or SocketException or ObjectDisposedException or OperationCanceledException)
        {
            // The client learns by a reset that nobody is there.
            stream?.Dispose();
            client.Close(0);
            return;
        }

        await TcpRelay.RunAsync(stream, client, stop).ConfigureAwait(false);
    }
}
