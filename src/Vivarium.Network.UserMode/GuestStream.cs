using System.Net.Sockets;

namespace Vivarium.Network.UserMode;

/// <summary>The bytes of a connection with a guest, as a stream. One reader and one writer at a time.</summary>
internal sealed class GuestStream(UserModeGateway gateway, TcpConnection connection) : Stream, ITcpHandler
{
    private TaskCompletionSource? _readable;
    private TaskCompletionSource? _writable;

    public TcpConnection Connection => connection;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException("A connection has no length.");

    public override long Position
    {
        get => throw new NotSupportedException("A connection has no position.");
        set => throw new NotSupportedException("A connection has no position.");
    }

    /// <summary>Waits until the connection is established.</summary>
    public async Task EstablishedAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            Task wait;
            lock (gateway.Gate)
            {
                if (connection.IsEstablished)
                {
                    return;
                }

                if (connection.State == TcpState.Closed)
                {
                    throw Broken();
                }

                wait = Wait(ref _writable);
            }

            await wait.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            Task wait;
            lock (gateway.Gate)
            {
                var count = connection.Read(buffer.Span, gateway.NowNs);
                if (count > 0)
                {
                    gateway.AfterUse(connection);
                    return count;
                }

                if (connection.IsAtEnd || buffer.IsEmpty)
                {
                    return 0;
                }

                if (connection.Failure != TcpFailure.None)
                {
                    throw Broken();
                }

                wait = Wait(ref _readable);
            }

            await wait.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (!buffer.IsEmpty)
        {
            cancellationToken.ThrowIfCancellationRequested();
            Task? wait = null;
            lock (gateway.Gate)
            {
                var count = connection.Write(buffer.Span, gateway.NowNs);
                buffer = buffer[count..];
                if (count > 0)
                {
                    gateway.AfterUse(connection);
                }

                if (!connection.CanWrite)
                {
                    throw Broken();
                }

                if (!buffer.IsEmpty)
                {
                    wait = Wait(ref _writable);
                }
            }

            if (wait is not null)
            {
                await wait.WaitAsync(cancellationToken).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Says that nothing more will be written; reading goes on.</summary>
    public void CloseWrite()
    {
        lock (gateway.Gate)
        {
            connection.CloseWrite(gateway.NowNs);
            gateway.AfterUse(connection);
        }
    }

    /// <summary>Breaks the connection off.</summary>
    public void Abort()
    {
        lock (gateway.Gate)
        {
            connection.Abort();
            gateway.AfterUse(connection);
        }
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => ReadAsync(buffer.AsMemory(offset, count)).AsTask().GetAwaiter().GetResult();

    public override void Write(byte[] buffer, int offset, int count) => WriteAsync(buffer.AsMemory(offset, count)).AsTask().GetAwaiter().GetResult();

    public override void Flush()
    {
    }

    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException("A connection has no position.");

    public override void SetLength(long value) => throw new NotSupportedException("A connection has no length.");

    void ITcpHandler.Changed(TcpConnection changed)
    {
        var isOver = changed.State == TcpState.Closed;
        if (changed.ReadableBytes > 0 || changed.IsAtEnd || isOver)
        {
            Interlocked.Exchange(ref _readable, null)?.TrySetResult();
        }

        if (changed.IsEstablished && (!changed.CanWrite || changed.WritableBytes > 0) || isOver)
        {
            Interlocked.Exchange(ref _writable, null)?.TrySetResult();
        }
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            lock (gateway.Gate)
            {
                connection.Close(gateway.NowNs);
                gateway.AfterUse(connection);
            }

            Interlocked.Exchange(ref _readable, null)?.TrySetResult();
            Interlocked.Exchange(ref _writable, null)?.TrySetResult();
        }

        base.Dispose(disposing);
    }

    private static Task Wait(ref TaskCompletionSource? waiter) =>
        (waiter ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;

    private IOException Broken()
    {
        var peer = $"port {connection.Key.RemotePort} of guest {connection.Key.Remote}";
        var (what, error) = connection.Failure switch
        {
            TcpFailure.Refused => ($"The connection to {peer} was refused: nothing listens there.", SocketError.ConnectionRefused),
            TcpFailure.Reset => ($"The connection with {peer} was broken off by the guest.", SocketError.ConnectionReset),
            TcpFailure.TimedOut => ($"The guest does not answer any more on the connection with {peer}.", SocketError.TimedOut),
            TcpFailure.Unreachable => ($"No guest of the network has the address of {peer}.", SocketError.HostUnreachable),
            TcpFailure.Aborted => ($"The connection with {peer} was broken off by this side.", SocketError.ConnectionAborted),
            _ => ($"The connection with {peer} was closed for writing.", SocketError.Shutdown),
        };
        return new IOException(what, new SocketException((int)error));
    }
}
