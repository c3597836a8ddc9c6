using Vivarium.Network;

namespace Vivarium.Cli;

/// <summary>
/// A switch that processes share by a name: the first one serves a Unix socket, the others connect. When the one that served is gone, one of
/// the others takes its place.
/// </summary>
internal sealed class SharedSwitch : IDisposable
{
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(100);

    private readonly VirtualSwitch _network;
    private readonly SwitchPortOptions _options;
    private readonly string _path;
    private readonly CancellationTokenSource _stop = new();
    private SocketHub? _hub;
    private FileStream? _guard;
    private SocketPort? _port;

    private SharedSwitch(VirtualSwitch network, string path, SwitchPortOptions options)
    {
        _network = network;
        _path = path;
        _options = options;
    }

    /// <summary>Whether this process serves the others.</summary>
    public bool IsHub => _hub is not null && !_stop.IsCancellationRequested;

    /// <summary>Where the sockets are: in the user's own run-time folder, so that no other user can reach them.</summary>
    public static string Folder => Path.Combine(
        Environment.GetEnvironmentVariable("XDG_RUNTIME_DIR") is { Length: > 0 } own ? own : Path.Combine(Path.GetTempPath(), $"vivarium-{Environment.UserName}"), "vivarium");

    /// <exception cref="IOException">Neither can the switch be reached nor can it be made.</exception>
    public static async Task<SharedSwitch> JoinAsync(VirtualSwitch network, string name, SwitchPortOptions options, CancellationToken cancellationToken)
    {
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(Folder);
        }
        else
        {
            Directory.CreateDirectory(Folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }

        var shared = new SharedSwitch(network, Path.Combine(Folder, name + ".sock"), options);
        await shared.JoinAsync(cancellationToken).ConfigureAwait(false);
        return shared;
    }

    public void Dispose()
    {
        _stop.Cancel();
        _port?.Dispose();

        // The guard goes last: whoever takes it makes a socket of the same name, which the hub would remove.
        _hub?.Dispose();
        _guard?.Dispose();
    }

    /// <summary>Connects, or serves if nobody does. A socket that nobody serves any more is removed by whoever holds the lock beside it.</summary>
    private async Task JoinAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                _port = await SocketPort.ConnectAsync(_network, _path, _options, cancellationToken).ConfigureAwait(false);
                _ = FollowAsync(_port);
                return;
            }
            catch (IOException) when (TryServe())
            {
                return;
            }
            catch (IOException)
            {
                // Somebody is about to serve.
                await Task.Delay(s_pause, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    private bool TryServe()
    {
        FileStream guard;
        try
        {
            guard = new FileStream(_path + ".lock", FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException)
        {
            return false;
        }

        // The guard is kept for as long as this process serves.
        File.Delete(_path);
        try
        {
            _hub = new SocketHub(_network, _path, _options);
        }
        catch
        {
            guard.Dispose();
            throw;
        }

        _guard = guard;
        return true;
    }

    private async Task FollowAsync(SocketPort port)
    {
        await port.Completion.ConfigureAwait(false);
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                await JoinAsync(_stop.Token).ConfigureAwait(false);
                if (_stop.IsCancellationRequested)
                {
                    // It was disposed meanwhile, and did not see what has been joined.
                    Dispose();
                }

                return;
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (IOException)
            {
                await Task.Delay(s_pause, CancellationToken.None).ConfigureAwait(false);
            }
        }
    }
}
