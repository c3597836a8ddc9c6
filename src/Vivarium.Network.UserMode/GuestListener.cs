using System.Net;

namespace Vivarium.Network.UserMode;

/// <summary>A port at which guests reach this process. Any thread.</summary>
public sealed class GuestListener : ITcpHandler, IDisposable
{
    private readonly UserModeGateway _gateway;
    private readonly int _backlog;
    private readonly Queue<TcpConnection> _ready = new();
    private readonly SemaphoreSlim _readyCount = new(0);
    private readonly HashSet<TcpConnection> _opening = [];
    private bool _disposed;

    internal GuestListener(UserModeGateway gateway, IPEndPoint endPoint, int backlog)
    {
        _gateway = gateway;
        _backlog = backlog;
        LocalEndPoint = endPoint;
    }

    /// <summary>Where guests find it.</summary>
    public IPEndPoint LocalEndPoint { get; }

    internal bool HasRoom => _ready.Count + _opening.Count < _backlog;

    /// <summary>The next connection of a guest.</summary>
    /// <exception cref="ObjectDisposedException">The listener was disposed.</exception>
    public async Task<Stream> AcceptAsync(CancellationToken cancellationToken = default)
    {
        while (true)
        {
            await _readyCount.WaitAsync(cancellationToken).ConfigureAwait(false);
            lock (_gateway.Gate)
            {
                if (_disposed)
                {
                    // The next one waits on the same sign.
                    _readyCount.Release();
                    ObjectDisposedException.ThrowIf(_disposed, this);
                }

                var connection = _ready.Dequeue();
                if (connection.State == TcpState.Closed && connection.ReadableBytes == 0)
                {
                    continue;
                }

                var stream = new GuestStream(_gateway, connection);
                connection.Handler = stream;
                return stream;
            }
        }
    }

    /// <summary>Refuses guests from now on, and breaks off connections that nobody accepted.</summary>
    public void Dispose()
    {
        _gateway.Locked(nowNs =>
        {
            if (_disposed)
            {
                return;
            }

            _disposed = true;
            _gateway.Remove(this);
            foreach (var connection in _ready.Concat(_opening).ToList())
            {
                connection.Handler = null;
                connection.Abort();
                _gateway.AfterUse(connection);
            }

            _readyCount.Release();
        });
    }

    /// <summary>Counts a connection that is about to be answered. Under the lock.</summary>
    internal void Expect(TcpConnection connection) => _opening.Add(connection);

    void ITcpHandler.Changed(TcpConnection connection)
    {
        if (connection.IsEstablished)
        {
            if (_opening.Remove(connection))
            {
                _ready.Enqueue(connection);
                _readyCount.Release();
            }
        }
        else if (!connection.IsHalfOpen)
        {
            _opening.Remove(connection);
        }
    }
}
