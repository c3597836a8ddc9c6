using System.Collections.Concurrent;
using System.Net.Sockets;

namespace Vivarium.Network;

/// <summary>
/// A Unix socket at which any number of others join a switch, each at a port of its own: QEMU with <c>-netdev stream,server=off</c>, or
/// <see cref="SocketPort.ConnectAsync"/> in another process. Any thread.
/// </summary>
public sealed class SocketHub : IDisposable
{
    private readonly VirtualSwitch _network;
    private readonly SwitchPortOptions? _options;
    private readonly Socket _socket;
    private readonly string _path;
    private readonly int _maxPorts;
    private readonly ConcurrentDictionary<SocketPort, bool> _ports = new();
    private int _disposed;

    /// <summary>Listens at a path, which must be free; it is removed again when the hub is disposed.</summary>
    /// <param name="network">The switch that others join.</param>
    /// <param name="path">Where to listen; who may connect is a matter of the folder's permissions.</param>
    /// <param name="options">What their ports are.</param>
    /// <param name="maxPorts">How many may be joined at a time; further ones are turned away.</param>
    /// <exception cref="IOException">There is something at the path already.</exception>
    public SocketHub(VirtualSwitch network, string path, SwitchPortOptions? options = null, int maxPorts = 256)
    {
        ArgumentNullException.ThrowIfNull(network);
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxPorts, 1);
        _network = network;
        _options = options;
        _path = path;
        _maxPorts = maxPorts;
        _socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            _socket.Bind(new UnixDomainSocketEndPoint(path));
            _socket.Listen();
        }
        catch (SocketException exception)
        {
            _socket.Dispose();
            throw new IOException($"No socket can be made at '{path}': remove what is there, or choose another path. ({exception.Message})", exception);
        }

        _ = AcceptAsync();
    }

    /// <summary>Those who are joined.</summary>
    public IReadOnlyCollection<SocketPort> Ports => [.. _ports.Keys];

    /// <summary>Turns away everybody.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        _socket.Dispose();
        foreach (var port in _ports.Keys)
        {
            port.Dispose();
        }

        try
        {
            File.Delete(_path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // Somebody else's by now.
        }
    }

    private async Task AcceptAsync()
    {
        await Task.Yield();
        while (true)
        {
            Socket socket;
            try
            {
                socket = await _socket.AcceptAsync().ConfigureAwait(false);
            }
            catch (SocketException exception) when (exception.SocketErrorCode is SocketError.ConnectionAborted or SocketError.ConnectionReset)
            {
                continue;
            }
            catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
            {
                return;
            }

            if (_ports.Count >= _maxPorts)
            {
                socket.Dispose();
                continue;
            }

            try
            {
                _ = JoinAsync(SocketPort.FromStream(_network, socket, _options));
            }
            catch (Exception exception) when (exception is ArgumentException or ObjectDisposedException)
            {
                // The switch is gone, or a locked address is taken: the other side sees the socket closed.
                socket.Dispose();
            }
        }
    }

    private async Task JoinAsync(SocketPort port)
    {
        _ports.TryAdd(port, true);
        if (Volatile.Read(ref _disposed) != 0)
        {
            port.Dispose();
        }

        await port.Completion.ConfigureAwait(false);
        _ports.TryRemove(port, out _);
    }
}
