using System.Net;
using System.Net.Sockets;

namespace Vivarium.Network.UserMode;

/// <summary>
/// What guests may reach outside their network. By default nothing. The host's loopback is never outside: single ports of it can be named.
/// </summary>
public sealed record OutboundPolicy
{
    /// <summary>Nothing.</summary>
    public static OutboundPolicy None { get; } = new();

    /// <summary>Everything but the host's loopback and what is no single station: groups, and addresses of one link.</summary>
    public static OutboundPolicy Everything { get; } = new() { Allow = [new(IPNetwork.Parse("0.0.0.0/0")), new(IPNetwork.Parse("::/0"))] };

    /// <summary>What guests may reach.</summary>
    public IReadOnlyList<NetworkRule> Allow { get; init; } = [];

    /// <summary>What they may not reach all the same.</summary>
    public IReadOnlyList<NetworkRule> Deny { get; init; } = [];

    /// <summary>Ports of 127.0.0.1 that guests reach at the gateway's address, TCP and UDP.</summary>
    public IReadOnlyCollection<int> HostLoopbackPorts { get; init; } = [];

    /// <summary>Whether anything is allowed.</summary>
    public bool IsOutboundAllowed => Allow.Count > 0;

    /// <summary>Whether a guest may reach an address; port 0 for ICMP.</summary>
    public bool Permits(IPAddress address, int port)
    {
        ArgumentNullException.ThrowIfNull(address);
        var plain = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        return IsOutside(plain) && Allow.Any(rule => rule.Matches(plain, port)) && !Deny.Any(rule => rule.Matches(plain, port));
    }

    /// <summary>
    /// Not the host's loopback, in any of its disguises: 127.0.0.0/8 and ::1; 0.0.0.0/8 and ::, which a host takes for itself; and IPv6 addresses
    /// that stand for IPv4 ones.
    /// </summary>
    private static bool IsOutside(IPAddress address)
    {
        Span<byte> bytes = stackalloc byte[16];
        address.TryWriteBytes(bytes, out _);
        if (address.AddressFamily == AddressFamily.InterNetwork)
        {
            return bytes[0] is not (0 or 127 or >= 224) && !(bytes[0] == 169 && bytes[1] == 254);
        }

        var isCompatible = bytes[..12].IndexOfAnyExcept((byte)0) < 0;
        return !isCompatible && !address.IsIPv6Multicast && !address.IsIPv6LinkLocal;
    }
}
