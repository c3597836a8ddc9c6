using System.Net;

namespace Vivarium.Network.UserMode;

/// <content>This process and the guests: datagrams without a socket.</content>
public sealed partial class UserModeGateway
{
    private const ushort FirstChosenPort = 49_152;
    private const int MostUdpPayload = 65_507;

    private readonly Dictionary<(IpAddress Address, ushort Port), GuestUdpEndpoint> _udpEndpoints = [];
    private ushort _nextChosenPort = FirstChosenPort;

    /// <summary>Opens a UDP port at the gateway's IPv4 address for this process.</summary>
    /// <param name="port">1 to 65,535, or 0 for any that is free.</param>
    /// <exception cref="InvalidOperationException">The port is in use.</exception>
    public GuestUdpEndpoint OpenUdp(int port) => OpenUdp(new IPEndPoint(_address4.ToIPAddress(), port));

    /// <summary>
    /// Opens a UDP port for this process at any address that reaches the gateway: its own, or one outside the network, which this process then
    /// stands for. It goes before what <see cref="UserModeOptions.Outbound"/> allows there.
    /// </summary>
    /// <param name="endPoint">The address, and a port of 1 to 65,535 or 0 for any that is free.</param>
    /// <exception cref="ArgumentException">The address is a guest's, or nobody's: unspecified, multicast, or IPv6 where the network has none.</exception>
    /// <exception cref="InvalidOperationException">The port is in use, by another endpoint or by a service of the gateway.</exception>
    public GuestUdpEndpoint OpenUdp(IPEndPoint endPoint)
    {
        ArgumentNullException.ThrowIfNull(endPoint);
        var address = IpAddress.From(endPoint.Address);
        if (IsGuestAddress(address))
        {
            throw new ArgumentException($"{endPoint.Address} is an address of guests: open the port at {Address} or outside {_options.Network}.", nameof(endPoint));
        }

        if (address.IsUnspecified || address.IsMulticast || address == IpAddress.FromV4(uint.MaxValue) || (!address.IsV4 && _options.Network6 is null))
        {
            throw new ArgumentException($"Guests cannot send to {endPoint.Address} through the gateway: open the port at {Address} or outside {_options.Network}.", nameof(endPoint));
        }

        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            var port = endPoint.Port == 0 ? ChoosePort(address) : (ushort)endPoint.Port;
            if ((IsOurs(address) && port is DnsPort or DhcpServerPort) || _udpEndpoints.ContainsKey((address, port)))
            {
                throw new InvalidOperationException($"UDP port {port} of {endPoint.Address} is in use: choose another port, or 0 for any.");
            }

            var endpoint = new GuestUdpEndpoint(this, new IPEndPoint(address.ToIPAddress(), port));
            _udpEndpoints.Add((address, port), endpoint);
            return endpoint;
        }
    }

    internal void Remove(GuestUdpEndpoint endpoint)
    {
        lock (_gate)
        {
            var key = KeyOf(endpoint);
            if (_udpEndpoints.GetValueOrDefault(key) == endpoint)
            {
                _udpEndpoints.Remove(key);
            }
        }
    }

    internal void SendFrom(GuestUdpEndpoint endpoint, ReadOnlySpan<byte> payload, IPEndPoint guest)
    {
        ArgumentNullException.ThrowIfNull(guest);
        ArgumentOutOfRangeException.ThrowIfLessThan(guest.Port, 1, nameof(guest));
        var address = IpAddress.From(guest.Address);
        var (source, port) = KeyOf(endpoint);
        if (payload.Length > MostUdpPayload)
        {
            throw new ArgumentException($"A datagram carries at most {MostUdpPayload} bytes, and this has {payload.Length}.", nameof(payload));
        }

        if (!IsGuestAddress(address) || address.IsV4 != source.IsV4)
        {
            throw new ArgumentException($"{guest.Address} cannot be reached from {endpoint.LocalEndPoint.Address}: it must be a guest's address of the same family.", nameof(guest));
        }

        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            ObjectDisposedException.ThrowIf(_udpEndpoints.GetValueOrDefault((source, port)) != endpoint, endpoint);
            SendIp(_builder.CreateUdp(source, port, address, (ushort)guest.Port, payload), address);
            FlushOutbox();
            Schedule();
        }
    }

    private static (IpAddress Address, ushort Port) KeyOf(GuestUdpEndpoint endpoint) =>
        (IpAddress.From(endpoint.LocalEndPoint.Address), (ushort)endpoint.LocalEndPoint.Port);

    private ushort ChoosePort(IpAddress address)
    {
        for (var i = FirstChosenPort; i < ushort.MaxValue; i++)
        {
            var port = _nextChosenPort;
            _nextChosenPort = port == ushort.MaxValue ? FirstChosenPort : (ushort)(port + 1);
            if (!_udpEndpoints.ContainsKey((address, port)))
            {
                return port;
            }
        }

        throw new InvalidOperationException($"All UDP ports of {address.ToIPAddress()} from {FirstChosenPort} on are in use: dispose endpoints that are done.");
    }
}
