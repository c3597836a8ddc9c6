using System.Net;

namespace Vivarium.Network.UserMode;

/// <content>This process and the guests: streams without a socket.</content>
public sealed partial class UserModeGateway
{
    internal Lock Gate => _gate;

    internal long NowNs => _clock.NowNs;

    /// <summary>Connects to a port of a guest.</summary>
    /// <exception cref="ArgumentException">The address is none of a guest, or the port none.</exception>
    /// <exception cref="IOException">Refused, not answered, or nobody has the address; the inner exception has the socket error.</exception>
    public async Task<Stream> ConnectAsync(IPAddress guest, int port, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(guest);
        ArgumentOutOfRangeException.ThrowIfLessThan(port, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(port, 65_535);
        var stream = Open(IpAddress.From(guest), (ushort)port);
        try
        {
            await stream.EstablishedAsync(cancellationToken).ConfigureAwait(false);
            return stream;
        }
        catch
        {
            await stream.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Connects to a port of a guest by its name or address.</summary>
    /// <exception cref="IOException">As above, or no machine of the network has this name.</exception>
    public Task<Stream> ConnectByNameAsync(string guest, int port, CancellationToken cancellationToken = default) =>
        ConnectAsync(Resolve(guest), port, cancellationToken);

    /// <summary>Listens at the gateway's address for guests.</summary>
    public GuestListener Listen(int port) => Listen(new IPEndPoint(_address4.ToIPAddress(), port));

    /// <summary>
    /// Listens for guests at any address that reaches the gateway: its own, or one outside the network, which this process then stands for.
    /// </summary>
    /// <exception cref="ArgumentException">The address is a guest's, or the port none.</exception>
    /// <exception cref="InvalidOperationException">Something listens there already.</exception>
    public GuestListener Listen(IPEndPoint endPoint, int backlog = 128)
    {
        ArgumentNullException.ThrowIfNull(endPoint);
        ArgumentOutOfRangeException.ThrowIfLessThan(endPoint.Port, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(backlog, 1);
        var address = IpAddress.From(endPoint.Address);
        if (IsGuestAddress(address))
        {
            throw new ArgumentException($"{endPoint.Address} is an address of guests: listen at {_address4} or outside {_options.Network}.", nameof(endPoint));
        }

        var listener = new GuestListener(this, endPoint, backlog);
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (!_listeners.TryAdd((address, (ushort)endPoint.Port), listener))
            {
                throw new InvalidOperationException($"Something listens at {endPoint} already: choose another port or dispose that listener.");
            }
        }

        return listener;
    }

    /// <summary>A handler whose requests go to guests, by name or by address, without a socket of the host.</summary>
    public HttpMessageHandler CreateHttpHandler() => new SocketsHttpHandler
    {
        UseProxy = false,
        ConnectCallback = async (context, cancellationToken) =>
            await ConnectByNameAsync(context.DnsEndPoint.Host, context.DnsEndPoint.Port, cancellationToken).ConfigureAwait(false),
    };

    /// <summary>A client whose requests go to guests: see <see cref="CreateHttpHandler"/>.</summary>
    public HttpClient CreateHttpClient() => new(CreateHttpHandler());

    internal GuestStream Open(IpAddress guest, ushort port)
    {
        GuestStream? stream = null;
        Locked(nowNs =>
        {
            var connection = Dial(guest, port, nowNs);
            stream = new GuestStream(this, connection);
            connection.Handler = stream;
            OutputTouched(nowNs);
        });
        return stream!;
    }

    /// <summary>Sends and schedules what a use of a connection brought. Under the lock.</summary>
    internal void AfterUse(TcpConnection connection)
    {
        Settle(connection);
        FlushOutbox();
        Schedule();
    }

    internal void Remove(GuestListener listener) =>
        _listeners.Remove((IpAddress.From(listener.LocalEndPoint.Address), (ushort)listener.LocalEndPoint.Port));

    private IPAddress Resolve(string guest)
    {
        ArgumentException.ThrowIfNullOrEmpty(guest);
        if (IPAddress.TryParse(guest, out var address))
        {
            return address;
        }

        lock (_gate)
        {
            return _names.Find(guest, _dhcp.Leases) is [var found, ..]
                ? found.ToIPAddress()
                : throw new IOException($"No machine of the network is called '{guest}': it must have said so by DHCP, or be given the name by AddName.");
        }
    }
}
