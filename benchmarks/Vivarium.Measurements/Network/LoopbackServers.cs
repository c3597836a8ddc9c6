using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Vivarium.Measurements;

/// <summary>What the guest reaches on the host's loopback: a port that counts, one that sends, one that swallows.</summary>
internal sealed class LoopbackServers : IDisposable
{
    public const int TransferBytes = 4 << 20;

    private readonly List<Socket> _sockets = [];
    private int _answered;
    private long _receivedBytes;

    public LoopbackServers()
    {
        // Each connection gets the next number, so that each is known to be another.
        CounterPort = Serve(async stream => await stream.WriteAsync(Encoding.ASCII.GetBytes($"{Interlocked.Increment(ref _answered)}\n")));
        var data = new byte[TransferBytes];
        SourcePort = Serve(async stream => await stream.WriteAsync(data));
        SinkPort = Serve(async stream =>
        {
            var buffer = new byte[64 << 10];
            int count;
            while ((count = await stream.ReadAsync(buffer)) > 0)
            {
                Interlocked.Add(ref _receivedBytes, count);
            }
        });
    }

    public int CounterPort { get; }

    public int SourcePort { get; }

    public int SinkPort { get; }

    public long ReceivedBytes => Interlocked.Read(ref _receivedBytes);

    public void Dispose() => _sockets.ForEach(static socket => socket.Dispose());

    private int Serve(Func<NetworkStream, Task> serveAsync)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        socket.Listen(512);
        _sockets.Add(socket);
        _ = AcceptAsync(socket, serveAsync);
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }

    private static async Task AcceptAsync(Socket socket, Func<NetworkStream, Task> serveAsync)
    {
        try
        {
            while (true)
            {
                _ = CarryAsync(await socket.AcceptAsync(), serveAsync);
            }
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            // The measurement is over.
        }
    }

    private static async Task CarryAsync(Socket client, Func<NetworkStream, Task> serveAsync)
    {
        using var stream = new NetworkStream(client, ownsSocket: true);
        try
        {
            await serveAsync(stream);
            client.Shutdown(SocketShutdown.Send);
        }
        catch (Exception exception) when (exception is IOException or SocketException)
        {
            // The guest counts what did not come.
        }
    }
}
