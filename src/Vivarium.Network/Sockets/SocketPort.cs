using System.Net.Sockets;

namespace Vivarium.Network;

/// <summary>
/// A port whose device is at the other end of a socket, such as a guest of QEMU: <c>-netdev stream</c>, where each frame has its length in front
/// in four bytes, big-endian (QEMU net/stream.c), or <c>-netdev dgram</c>, where each datagram is a frame (QEMU net/dgram.c). Any thread.
/// </summary>
public sealed class SocketPort : IDisposable
{
    private const int PrefixBytes = 4;
    private const int BufferBytes = 256 << 10;
    private const int Batch = 32;

    private readonly Socket _socket;
    private readonly System.Net.EndPoint? _remote;
    private readonly FrameQueue _queue;
    private readonly SemaphoreSlim _readable = new(0);
    private readonly FramePool _pool;
    private readonly CancellationTokenSource _stop = new();
    private readonly string? _ownPath;
    private int _disposed;

    private SocketPort(VirtualSwitch network, Socket socket, System.Net.EndPoint? remote, string? ownPath, SwitchPortOptions? options)
    {
        _socket = socket;
        _remote = remote;
        _ownPath = ownPath;
        _pool = network.Pool;
        _queue = new FrameQueue(() => _readable.Release(), maxFrames: 4_096, maxBytes: 16L << 20);
        Port = network.AddPort(_queue, options);
        Completion = RunAsync();
    }

    /// <summary>The port on the switch.</summary>
    public SwitchPort Port { get; }

    /// <summary>Ends when the other side has gone, or spoken nonsense, or this was disposed; the port is off its switch then.</summary>
    public Task Completion { get; }

    /// <summary>Connects to a Unix socket at which QEMU's <c>stream</c> or a <see cref="SocketHub"/> listens.</summary>
    /// <exception cref="IOException">Nobody listens there.</exception>
    public static async Task<SocketPort> ConnectAsync(VirtualSwitch network, string path, SwitchPortOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(network);
        ArgumentException.ThrowIfNullOrEmpty(path);
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellationToken).ConfigureAwait(false);
            return new SocketPort(network, socket, null, null, options);
        }
        catch (SocketException exception)
        {
            socket.Dispose();
            throw new IOException($"Nobody listens at the socket '{path}': start the other side first. ({exception.Message})", exception);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Exchanges frames as datagrams between two Unix sockets: QEMU's <c>dgram</c> with the two paths the other way round.</summary>
    /// <exception cref="IOException">There is something at <paramref name="localPath"/> already.</exception>
    public static SocketPort OpenDatagram(VirtualSwitch network, string localPath, string remotePath, SwitchPortOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(network);
        ArgumentException.ThrowIfNullOrEmpty(localPath);
        ArgumentException.ThrowIfNullOrEmpty(remotePath);
        var socket = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        try
        {
            socket.Bind(new UnixDomainSocketEndPoint(localPath));
            return new SocketPort(network, socket, new UnixDomainSocketEndPoint(remotePath), localPath, options);
        }
        catch (SocketException exception)
        {
            socket.Dispose();
            throw new IOException($"No socket can be made at '{localPath}': remove what is there, or choose another path. ({exception.Message})", exception);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Takes a connected stream socket, which belongs to the port from now on.</summary>
    public static SocketPort FromStream(VirtualSwitch network, Socket socket, SwitchPortOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(network);
        ArgumentNullException.ThrowIfNull(socket);
        return new SocketPort(network, socket, null, null, options);
    }

    /// <summary>Takes the port off its switch and closes the socket.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        Port.Dispose();
        _stop.Cancel();
        _socket.Dispose();
        _queue.Close();
        if (_ownPath is not null)
        {
            try
            {
                File.Delete(_ownPath);
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                // Somebody else's by now.
            }
        }
    }

    private async Task RunAsync()
    {
        // Not on the caller's thread.
        await Task.Yield();
        var receiving = GuardAsync(_remote is null ? ReceiveStreamAsync() : ReceiveDatagramsAsync());
        var sending = GuardAsync(SendAsync());
        await Task.WhenAny(receiving, sending).ConfigureAwait(false);
        Dispose();
        await Task.WhenAll(receiving, sending).ConfigureAwait(false);
    }

    private static async Task GuardAsync(Task way)
    {
        try
        {
            await way.ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException or OperationCanceledException or InvalidDataException)
        {
            // The other side has gone: Completion says so.
        }
    }

    private async Task SendAsync()
    {
        var frames = new EthernetFrame[Batch];
        var buffer = new byte[BufferBytes];
        while (true)
        {
            var count = _queue.Receive(frames);
            if (count == 0)
            {
                await _readable.WaitAsync(_stop.Token).ConfigureAwait(false);
                continue;
            }

            var filled = 0;
            for (var i = 0; i < count; i++)
            {
                var frame = frames[i];
                if (_remote is not null)
                {
                    frame.Data.CopyTo(buffer);
                    var length = frame.Length;
                    frame.Release();
                    await SendDatagramAsync(buffer.AsMemory(0, length)).ConfigureAwait(false);
                    continue;
                }

                if (filled + PrefixBytes + frame.Length > buffer.Length)
                {
                    await SendAllAsync(buffer.AsMemory(0, filled)).ConfigureAwait(false);
                    filled = 0;
                }

                System.Buffers.Binary.BinaryPrimitives.WriteInt32BigEndian(buffer.AsSpan(filled), frame.Length);
                frame.Data.CopyTo(buffer.AsSpan(filled + PrefixBytes));
                filled += PrefixBytes + frame.Length;
                frame.Release();
            }

            await SendAllAsync(buffer.AsMemory(0, filled)).ConfigureAwait(false);
        }
    }

    private async Task SendAllAsync(ReadOnlyMemory<byte> data)
    {
        while (!data.IsEmpty)
        {
            data = data[await _socket.SendAsync(data, _stop.Token).ConfigureAwait(false)..];
        }
    }

    private async Task SendDatagramAsync(ReadOnlyMemory<byte> data)
    {
        try
        {
            await _socket.SendToAsync(data, _remote!, _stop.Token).ConfigureAwait(false);
        }
        catch (SocketException)
        {
            // The other side is not there yet, or no longer: frames to it are lost.
        }
    }

    private async Task ReceiveStreamAsync()
    {
        var buffer = new byte[BufferBytes];
        var filled = 0;
        while (true)
        {
            var count = await _socket.ReceiveAsync(buffer.AsMemory(filled), _stop.Token).ConfigureAwait(false);
            if (count == 0)
            {
                return;
            }

            filled += count;
            var taken = Deliver(buffer.AsSpan(0, filled));
            buffer.AsSpan(taken, filled - taken).CopyTo(buffer);
            filled -= taken;
        }
    }

    /// <summary>Sends the whole frames of a piece of the stream into the switch; returns how many bytes these took.</summary>
    private int Deliver(ReadOnlySpan<byte> data)
    {
        var batch = default(FrameBatch);
        var count = 0;
        var taken = 0;
        try
        {
            while (SocketFraming.TryRead(data[taken..], out var length))
            {
                batch[count] = _pool.Rent(length);
                data.Slice(taken + PrefixBytes, length).CopyTo(batch[count].Span);
                count++;
                taken += PrefixBytes + length;
                if (count == FrameBatch.Capacity)
                {
                    Port.Send(batch[..count]);
                    count = 0;
                }
            }
        }
        finally
        {
            Port.Send(batch[..count]);
        }

        return taken;
    }

    private async Task ReceiveDatagramsAsync()
    {
        var buffer = new byte[EthernetFrame.MaxLengthBytes];
        while (true)
        {
            var count = await _socket.ReceiveAsync(buffer, _stop.Token).ConfigureAwait(false);
            var frame = _pool.Rent(count);
            buffer.AsSpan(0, count).CopyTo(frame.Span);
            Port.Send([frame]);
        }
    }
}
