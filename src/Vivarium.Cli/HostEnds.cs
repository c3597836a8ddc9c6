using System.Globalization;
using System.Net.Sockets;
using System.Text;
using Vivarium.Virtio;

namespace Vivarium.Cli;

/// <summary>A host's socket that leads to a device; open as long as the machine exists.</summary>
internal interface IHostEnd : IDisposable
{
    /// <summary>Begins to listen.</summary>
    /// <exception cref="UsageException">The socket cannot be made.</exception>
    void Start();
}

/// <summary>The host ends of a run.</summary>
internal sealed class HostEnds : List<IHostEnd>, IDisposable
{
    public void Start() => ForEach(end => end.Start());

    public void Dispose() => ForEach(end => end.Dispose());
}

/// <summary>A Unix socket that takes clients one after the other, or many.</summary>
internal abstract class UnixSocketEnd(string path) : IHostEnd
{
    private readonly CancellationTokenSource _end = new();
    private Socket? _listener;

    protected string Path => path;

    protected CancellationToken Ending => _end.Token;

    public virtual void Start()
    {
        try
        {
            _listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            _listener.Bind(new UnixDomainSocketEndPoint(path));
            _listener.Listen();
        }
        catch (Exception exception) when (exception is SocketException or ArgumentException)
        {
            throw new UsageException($"The socket '{path}' cannot be made: {exception.Message} Remove what is left of an earlier run, or choose another path.");
        }

        _ = AcceptAsync(_listener);
    }

    public virtual void Dispose()
    {
        _end.Cancel();
        if (_listener is not null)
        {
            _listener.Dispose();
            File.Delete(path);
        }
    }

    /// <summary>Serves a client to its end.</summary>
    protected abstract Task ServeAsync(Stream client);

    /// <summary>Copies both ways until one side has ended and the other too.</summary>
    protected static async Task CopyAsync(Stream client, Stream fromGuest, Stream toGuest, Action endToGuest, Action endToClient, CancellationToken cancellationToken)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var inward = CopyAsync(client, toGuest, endToGuest, over);
        var outward = CopyAsync(fromGuest, client, endToClient, over);
        await Task.WhenAll(inward, outward).ConfigureAwait(false);
    }

    private static async Task CopyAsync(Stream from, Stream to, Action end, CancellationTokenSource over)
    {
        try
        {
            await from.CopyToAsync(to, over.Token).ConfigureAwait(false);
            end();
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // One side is gone: the other half ends with it.
            await over.CancelAsync().ConfigureAwait(false);
        }
    }

    private async Task AcceptAsync(Socket listener)
    {
        try
        {
            while (true)
            {
                var socket = await listener.AcceptAsync(_end.Token).ConfigureAwait(false);
                _ = ServeAsync(socket);
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // The run is over.
        }
    }

    private async Task ServeAsync(Socket socket)
    {
        var client = new NetworkStream(socket, ownsSocket: true);
        await using var scope = client.ConfigureAwait(false);
        try
        {
            await ServeAsync(client).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // The client, the guest or the run has ended it.
        }
    }
}

/// <summary>A port of a virtio console behind a Unix socket: one client at a time.</summary>
internal sealed class PortSocket(VirtioConsolePort port, string path) : UnixSocketEnd(path)
{
    private readonly SemaphoreSlim _turn = new(1, 1);

    public override void Dispose()
    {
        base.Dispose();
        _turn.Dispose();
    }

    protected override async Task ServeAsync(Stream client)
    {
        await _turn.WaitAsync(Ending).ConfigureAwait(false);
        using var over = CancellationTokenSource.CreateLinkedTokenSource(Ending);
        try
        {
            // A port has no end of its own: the client's ends both ways.
            await CopyAsync(client, port.Output, port.Input, over.Cancel, () => { }, over.Token).ConfigureAwait(false);
        }
        finally
        {
            _turn.Release();
        }
    }
}

/// <summary>
/// A vsock device behind Unix sockets: a client that says <c>CONNECT PORT</c> is connected to that port of the guest and told <c>OK PORT</c>; what the
/// guest connects to at port N goes to the socket PATH_N, if it is there when the run begins.
/// </summary>
internal sealed class VsockSocket(VirtioVsock device, string path) : UnixSocketEnd(path)
{
    private const int LongestGreeting = 32;
    private readonly List<VsockListener> _listeners = [];

    public override void Start()
    {
        base.Start();
        var folder = System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(Path))!;
        var prefix = System.IO.Path.GetFileName(Path) + "_";
        foreach (var socket in Directory.EnumerateFileSystemEntries(folder, prefix + "*"))
        {
            if (uint.TryParse(System.IO.Path.GetFileName(socket).AsSpan(prefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var port))
            {
                var listener = device.Listen(port);
                _listeners.Add(listener);
                _ = AcceptAsync(listener, socket);
            }
        }
    }

    public override void Dispose()
    {
        base.Dispose();
        _listeners.ForEach(listener => listener.Dispose());
    }

    protected override async Task ServeAsync(Stream client)
    {
        var words = (await ReadLineAsync(client).ConfigureAwait(false)).Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (words is not ["CONNECT", var text] || !uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var port))
        {
            return;
        }

        var guest = await device.ConnectAsync(port, Ending).ConfigureAwait(false);
        await using var scope = guest.ConfigureAwait(false);
        await client.WriteAsync(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"OK {guest.HostPort}\n")), Ending).ConfigureAwait(false);
        await CopyAsync(client, guest, guest, guest.CompleteWriting, () => ((NetworkStream)client).Socket.Shutdown(SocketShutdown.Send), Ending).ConfigureAwait(false);
    }

    private async Task AcceptAsync(VsockListener listener, string socket)
    {
        try
        {
            while (true)
            {
                var guest = await listener.AcceptAsync(Ending).ConfigureAwait(false);
                _ = ForwardAsync(guest, socket);
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or System.Threading.Channels.ChannelClosedException)
        {
            // The run is over.
        }
    }

    private async Task ForwardAsync(VsockStream guest, string path)
    {
        await using var scope = guest.ConfigureAwait(false);
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), Ending).ConfigureAwait(false);
            var host = new NetworkStream(socket);
            await using var hostScope = host.ConfigureAwait(false);
            await CopyAsync(host, guest, guest, guest.CompleteWriting, () => socket.Shutdown(SocketShutdown.Send), Ending).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException or SocketException)
        {
            // Nobody listens there any more: the guest sees its connection closed.
        }
    }

    /// <summary>One line, byte by byte, as what follows belongs to the guest.</summary>
    private async Task<string> ReadLineAsync(Stream client)
    {
        var line = new StringBuilder();
        var one = new byte[1];
        while (line.Length < LongestGreeting && await client.ReadAsync(one, Ending).ConfigureAwait(false) == 1 && one[0] != (byte)'\n')
        {
            line.Append((char)one[0]);
        }

        return line.ToString();
    }
}
