using System.Threading.Channels;

namespace Vivarium.Virtio;

/// <summary>Takes connections that programs in the guest make to a port of the host. Any thread.</summary>
public sealed class VsockListener : IDisposable
{
    /// <summary>How many connections wait to be accepted; more are refused.</summary>
    internal const int Backlog = 128;

    private readonly Channel<VsockStream> _waiting = Channel.CreateBounded<VsockStream>(Backlog);
    private readonly Action<VsockListener> _remove;

    internal VsockListener(uint port, Action<VsockListener> remove)
    {
        Port = port;
        _remove = remove;
    }

    /// <summary>The port.</summary>
    public uint Port { get; }

    /// <summary>The next connection.</summary>
    /// <exception cref="ChannelClosedException">The listener was disposed.</exception>
    public ValueTask<VsockStream> AcceptAsync(CancellationToken cancellationToken = default) => _waiting.Reader.ReadAsync(cancellationToken);

    /// <summary>Takes no more connections; those that wait are closed.</summary>
    public void Dispose()
    {
        _remove(this);
        _waiting.Writer.TryComplete();
        while (_waiting.Reader.TryRead(out var stream))
        {
            stream.Dispose();
        }
    }

    internal bool TryAdd(VsockStream stream) => _waiting.Writer.TryWrite(stream);
}
