using System.Buffers;
using System.Net;
using System.Net.Sockets;

namespace Vivarium.Network.UserMode;

/// <summary>Carries bytes between a guest's connection and a socket of the host. Either side holds the other up by not reading.</summary>
internal static class TcpRelay
{
    private const int BufferBytes = 128 << 10;

    /// <summary>Connects to the host's side first, and answers the guest only then: it sees whether its target is there.</summary>
    public static async Task ConnectAsync(UserModeGateway gateway, TcpConnection connection, IPEndPoint target, TimeSpan timeout, CancellationToken stop)
    {
        // The caller holds the gateway's lock.
        await Task.Yield();
        var socket = new Socket(target.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.NoDelay = true;
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(stop);
            limit.CancelAfter(timeout);
            await socket.ConnectAsync(target, limit.Token).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            socket.Dispose();
            lock (gateway.Gate)
            {
                connection.Abort();
                gateway.AfterUse(connection);
            }

            return;
        }

        GuestStream stream;
        lock (gateway.Gate)
        {
            stream = new GuestStream(gateway, connection);
            connection.Handler = stream;
            connection.Answer(gateway.NowNs);
            gateway.AfterUse(connection);
        }

        await RunAsync(stream, socket, stop).ConfigureAwait(false);
    }

    /// <summary>Carries bytes both ways until both ends have closed or one has broken off.</summary>
    public static async Task RunAsync(GuestStream stream, Socket socket, CancellationToken stop)
    {
        await Task.WhenAll(GuardAsync(FromGuestAsync(stream, socket, stop), stream, socket), GuardAsync(ToGuestAsync(stream, socket, stop), stream, socket)).ConfigureAwait(false);
        socket.Dispose();
        await stream.DisposeAsync().ConfigureAwait(false);
    }

    private static async Task FromGuestAsync(GuestStream stream, Socket socket, CancellationToken stop)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
        try
        {
            while (true)
            {
                var count = await stream.ReadAsync(buffer, stop).ConfigureAwait(false);
                if (count == 0)
                {
                    socket.Shutdown(SocketShutdown.Send);
                    return;
                }

                for (var sent = 0; sent < count;)
                {
                    sent += await socket.SendAsync(buffer.AsMemory(sent, count - sent), stop).ConfigureAwait(false);
                }
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private static async Task ToGuestAsync(GuestStream stream, Socket socket, CancellationToken stop)
    {
        while (true)
        {
            // Idle connections hold no buffer: there may be thousands.
            await socket.ReceiveAsync(Memory<byte>.Empty, stop).ConfigureAwait(false);
            var buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
            try
            {
                var count = await socket.ReceiveAsync(buffer, stop).ConfigureAwait(false);
                if (count == 0)
                {
                    stream.CloseWrite();
                    return;
                }

                await stream.WriteAsync(buffer.AsMemory(0, count), stop).ConfigureAwait(false);
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(buffer);
            }
        }
    }

    /// <summary>What breaks one way breaks the other.</summary>
    private static async Task GuardAsync(Task way, GuestStream stream, Socket socket)
    {
        try
        {
            await way.ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is IOException or SocketException or ObjectDisposedException or OperationCanceledException)
        {
            stream.Abort();

            // Without lingering the peer is told by a reset, as it was one.
            socket.Close(0);
        }
    }
}
