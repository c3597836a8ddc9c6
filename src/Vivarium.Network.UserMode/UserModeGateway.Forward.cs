using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Vivarium.Network.UserMode;

/// <content>Ports of the host that lead to guests.</content>
public sealed partial class UserModeGateway
{
    private const int MostForwardFlows = 4_096;

    private readonly ConcurrentDictionary<PortForward, bool> _forwards = new();
    private readonly Dictionary<(IpAddress Guest, ushort GuestPort, ushort GatewayPort), ForwardFlow> _forwardFlows = [];
    private readonly Dictionary<(PortForward Owner, IPEndPoint Client), (ForwardFlow Flow, ushort GatewayPort)> _forwardClients = [];
    private ushort _nextForwardPort = 32_768;

    private bool HasForwardFlows => _forwardFlows.Count > 0;

    /// <summary>Lets TCP connections to a port of the host reach a guest.</summary>
    /// <param name="host">Where the host listens; port 0 for any that is free.</param>
    /// <param name="guest">The guest's address.</param>
    /// <param name="guestPort">The guest's port.</param>
    /// <exception cref="IOException">The host does not give the port: it is in use, or needs a privilege.</exception>
    public PortForward ForwardTcp(IPEndPoint host, IPAddress guest, int guestPort)
    {
        var forward = Bind(host, guest, guestPort, SocketType.Stream, ProtocolType.Tcp);
        _ = forward.AcceptAsync(_stop.Token);
        return forward;
    }

    /// <summary>Lets UDP datagrams to a port of the host reach a guest, and its answers their senders. The guest sees the gateway as the sender.</summary>
    /// <param name="host">Where the host listens; port 0 for any that is free.</param>
    /// <param name="guest">The guest's IPv4 address.</param>
    /// <param name="guestPort">The guest's port.</param>
    /// <exception cref="IOException">The host does not give the port: it is in use, or needs a privilege.</exception>
    public PortForward ForwardUdp(IPEndPoint host, IPAddress guest, int guestPort)
    {
        ArgumentNullException.ThrowIfNull(guest);
        if (guest.AddressFamily != AddressFamily.InterNetwork)
        {
            throw new ArgumentException($"UDP is forwarded to IPv4 addresses of guests, which {guest} is not.", nameof(guest));
        }

        var forward = Bind(host, guest, guestPort, SocketType.Dgram, ProtocolType.Udp);
        _ = forward.ReceiveAsync();
        return forward;
    }

    internal void Remove(PortForward forward)
    {
        _forwards.TryRemove(forward, out _);
        lock (_gate)
        {
            foreach (var (key, flow) in _forwardFlows)
            {
                if (flow.Owner == forward)
                {
                    RemoveForwardFlow(key, flow);
                }
            }
        }
    }

    internal void ReceiveForwarded(PortForward forward, IPEndPoint client, IpAddress guest, ushort port, ReadOnlyMemory<byte> payload) => Locked(nowNs =>
    {
        if (_disposed || payload.Length > 65_507)
        {
            return;
        }

        if (!_forwardClients.TryGetValue((forward, client), out var known))
        {
            if (_forwardFlows.Count >= MostForwardFlows)
            {
                // Who asked once and is gone makes room for who comes; a player's flow was used a moment ago.
                var (oldest, unused) = _forwardFlows.MinBy(static flow => flow.Value.UsedNs);
                RemoveForwardFlow(oldest, unused);
            }

            // Each client has a port of the gateway, by which the guest's answers find back.
            do
            {
                _nextForwardPort = _nextForwardPort >= 49_151 ? (ushort)32_768 : (ushort)(_nextForwardPort + 1);
            }
            while (_forwardFlows.ContainsKey((guest, port, _nextForwardPort)) || _udpEndpoints.ContainsKey((_address4, _nextForwardPort)));
            known = (new ForwardFlow(forward, client), _nextForwardPort);
            _forwardFlows.Add((guest, port, _nextForwardPort), known.Flow);
            _forwardClients.Add((forward, client), known);
        }

        known.Flow.UsedNs = nowNs;
        SendIp(_builder.CreateUdp(_address4, known.GatewayPort, guest, port, payload.Span), guest);
    });

    private void RemoveForwardFlow((IpAddress Guest, ushort GuestPort, ushort GatewayPort) key, ForwardFlow flow)
    {
        _forwardFlows.Remove(key);
        _forwardClients.Remove((flow.Owner, flow.Client));
    }

    private PortForward Bind(IPEndPoint host, IPAddress guest, int guestPort, SocketType type, ProtocolType protocol)
    {
        ArgumentNullException.ThrowIfNull(host);
        ArgumentNullException.ThrowIfNull(guest);
        ArgumentOutOfRangeException.ThrowIfLessThan(guestPort, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(guestPort, 65_535);
        ObjectDisposedException.ThrowIf(_disposed, this);
        var address = IpAddress.From(guest);
        if (!IsGuestAddress(address))
        {
            throw new ArgumentException($"{guest} is no address of a guest: {_options.Network} is their network.", nameof(guest));
        }

        var socket = new Socket(host.AddressFamily, type, protocol);
        try
        {
            socket.Bind(host);
            if (type == SocketType.Stream)
            {
                socket.Listen();
            }
        }
        catch (SocketException exception)
        {
            socket.Dispose();
            var name = protocol == ProtocolType.Tcp ? "TCP" : "UDP";
            throw new IOException(
                exception.SocketErrorCode switch
                {
                    SocketError.AddressAlreadyInUse => $"{name} port {host.Port} of {host.Address} is in use by another program or forward: choose another port, or 0 for any.",
                    SocketError.AccessDenied => $"{name} port {host.Port} of {host.Address} needs a privilege: choose a port from 1024 on.",
                    SocketError.AddressNotAvailable => $"{host.Address} is no address of this host: {name} port {host.Port} cannot be forwarded from there.",
                    _ => $"{name} port {host.Port} of {host.Address} cannot be forwarded: {exception.Message}.",
                },
                exception);
        }

        var forward = new PortForward(this, socket, address, (ushort)guestPort);
        _forwards.TryAdd(forward, true);
        return forward;
    }

    private sealed class ForwardFlow(PortForward owner, IPEndPoint client)
    {
        public PortForward Owner { get; } = owner;

        public IPEndPoint Client { get; } = client;

        public long UsedNs { get; set; }
    }
}
