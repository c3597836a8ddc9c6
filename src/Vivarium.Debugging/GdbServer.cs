using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Vivarium.Debugging;

/// <summary>
/// Serves gdb, or whoever speaks its remote serial protocol, over TCP: one client at a time, any number one after the other. The machine stands
/// from a client's connection on, but for when the client lets it go on. A client that detaches leaves it running; one that vanishes leaves it
/// as it was, without its breakpoints. Members are for any thread.
/// </summary>
public sealed partial class GdbServer : IAsyncDisposable
{
    /// <summary>How long a client may take to read what it was told last.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(1);

    private readonly IDebuggedMachine _machine;
    private readonly GdbServerOptions _options;
    private readonly ILogger _logger;
    private readonly TcpListener _listener;
    private readonly CancellationTokenSource _end = new();
    private readonly CancellationTokenSource _drop = new();
    private readonly Task _serving;

    private GdbServer(IDebuggedMachine machine, GdbServerOptions options, ILogger logger)
    {
        _machine = machine;
        _options = options;
        _logger = logger;
        _listener = new TcpListener(options.Address, options.Port);
        _listener.Start();
        EndPoint = (IPEndPoint)_listener.LocalEndpoint;
        _serving = ServeAsync();
    }

    /// <summary>Where it listens, the port that was chosen included.</summary>
    public IPEndPoint EndPoint { get; }

    /// <summary>Whether it serves clients, or waits for one. False after the machine has ended or the server was disposed.</summary>
    public bool IsListening => !_serving.IsCompleted;

    /// <summary>Listens from now on.</summary>
    /// <param name="machine">What is debugged. It must outlive the server.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <param name="logger">Hears of clients that come and go; null for nobody.</param>
    /// <exception cref="ArgumentOutOfRangeException">The port is none.</exception>
    /// <exception cref="IOException">The address cannot be had, for one because another program listens there.</exception>
    public static GdbServer Start(IDebuggedMachine machine, GdbServerOptions? options = null, ILogger? logger = null)
    {
        ArgumentNullException.ThrowIfNull(machine);
        options ??= new GdbServerOptions();
        ArgumentOutOfRangeException.ThrowIfLessThan(options.Port, IPEndPoint.MinPort);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(options.Port, IPEndPoint.MaxPort);
        try
        {
            return new GdbServer(machine, options, logger ?? NullLogger.Instance);
        }
        catch (SocketException exception)
        {
            var where = new IPEndPoint(options.Address, options.Port);
            throw new IOException(
                exception.SocketErrorCode == SocketError.AddressAlreadyInUse
                    ? $"gdb cannot be served at {where}: another program listens there; choose another port, or 0 for a free one."
                    : $"gdb cannot be served at {where}: {exception.Message}.",
                exception);
        }
    }

    /// <summary>Ends the client's session, if there is one, and stops listening. The machine goes on if it ran.</summary>
    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync().ConfigureAwait(false);
        _listener.Stop();
        if (_machine.State == DebuggedState.Ended)
        {
            // The client is to hear of it.
            await Task.WhenAny(_serving, Task.Delay(s_patience)).ConfigureAwait(false);
        }

        await _drop.CancelAsync().ConfigureAwait(false);
        await _serving.ConfigureAwait(false);
        _listener.Dispose();
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "A debugger connected from {Client}.")]
    private static partial void LogConnected(ILogger logger, EndPoint? client);

    [LoggerMessage(Level = LogLevel.Information, Message = "The debugger from {Client} is gone.")]
    private static partial void LogGone(ILogger logger, EndPoint? client);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The debugger from {Client} was dropped by a defect of Vivarium.")]
    private static partial void LogFailed(ILogger logger, EndPoint? client, Exception exception);

    private async Task ServeAsync()
    {
        while (!_end.IsCancellationRequested && _machine.State != DebuggedState.Ended)
        {
            Socket client;
            try
            {
                client = await _listener.AcceptSocketAsync(_end.Token).ConfigureAwait(false);
            }
            catch (Exception exception) when (exception is SocketException or OperationCanceledException or ObjectDisposedException)
            {
                if (_end.IsCancellationRequested)
                {
                    return;
                }

                continue;
            }

            using (client)
            {
                await ServeAsync(client).ConfigureAwait(false);
            }
        }
    }

    private async Task ServeAsync(Socket client)
    {
        EndPoint? peer = null;
        try
        {
            peer = client.RemoteEndPoint;
            client.NoDelay = true;

            // One whose host died without a word would hold the place for ever.
            client.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
            LogConnected(_logger, peer);
            var stream = new NetworkStream(client);
            await using (stream.ConfigureAwait(false))
            {
                using var session = new GdbSession(_machine, stream, _options.Registers);
                await session.RunAsync(_drop.Token).ConfigureAwait(false);
                await HangUpAsync(client).ConfigureAwait(false);
            }
        }
#pragma warning disable CA1031 // Whatever a client brings about, the next one is served.
        catch (Exception exception)
        {
            if (exception is not (IOException or SocketException or OperationCanceledException))
            {
                LogFailed(_logger, peer, exception);
            }
        }
#pragma warning restore CA1031

        LogGone(_logger, peer);
    }

    /// <summary>Closes when the client has: what it still sends, as the acknowledgement of the last reply, would lose it that reply.</summary>
    private async Task HangUpAsync(Socket client)
    {
        client.Shutdown(SocketShutdown.Send);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(_drop.Token);
        limit.CancelAfter(s_patience);
        var buffer = new byte[256];
        while (await client.ReceiveAsync(buffer, limit.Token).ConfigureAwait(false) > 0)
        {
            // Whatever it is, it comes too late.
        }
    }
}
