using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Vivarium.Network.UserMode;

/// <content>Ports of the host that lead to guests.</content>
public sealed partial class UserModeGateway
{
    private const int MostForwardFlows = 4_096;

    private readonly ConcurrentDictionary<PortForward, bool> _forwards = new();
    private readonly ForwardTable _forwardFlows = new(MostForwardFlows);
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
            _forwardFlows.RemoveOf(forward);
        }
    }

    internal void ReceiveForwarded(PortForward forward, IPEndPoint client, IpAddress guest, ushort port, ReadOnlyMemory<byte> payload) => Locked(nowNs =>
    {
        if (_disposed || payload.Length > 65_507)
        {
            return;
        }

        if (!_forwardFlows.TryUse(forward, client, nowNs, out var flow))
        {
            flow = _forwardFlows.Add(forward, client, NextForwardKey(guest, port), nowNs);
        }

        SendIp(_builder.CreateUdp(_address4, flow.Key.GatewayPort, guest, port, payload.Span), guest);
    });

    /// <summary>Each client has a port of the gateway, by which the guest's answers find back.</summary>
    private ForwardKey NextForwardKey(IpAddress guest, ushort port)
    {
        ForwardKey key;
        do
        {
            _nextForwardPort = _nextForwardPort >= 49_151 ? (ushort)32_768 : (ushort)(_nextForwardPort + 1);
            key = new ForwardKey(guest, port, _nextForwardPort);
        }
        while (_forwardFlows.Contains(key) || _udpEndpoints.ContainsKey((_address4, _nextForwardPort)));
        return key;
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
}
