using System.Net;
using System.Net.Sockets;

namespace Vivarium.Network.UserMode;

/// <summary>What a gateway is.</summary>
public sealed record UserModeOptions
{
    /// <summary>The IPv4 network, of 8 to 29 bits. Its address 2 is the gateway, 3 the name server; guests get 15 and up. Default 10.0.2.0/24.</summary>
    public IPNetwork Network { get; init; } = IPNetwork.Parse("10.0.2.0/24");

    /// <summary>The IPv6 network, of 64 bits, or null for none. Its address 2 is the gateway. Default fd00:766d::/64.</summary>
    public IPNetwork? Network6 { get; init; } = IPNetwork.Parse("fd00:766d::/64");

    /// <summary>Whether guests learn of the IPv6 network by router advertisements. Default yes.</summary>
    public bool RouterAdvertisements { get; init; } = true;

    /// <summary>The gateway's Ethernet address.</summary>
    public MacAddress Address { get; init; } = new(0x5255_0A00_0202);

    /// <summary>The longest IP packet on the link, 1,280 to 9,000 bytes. Default 1,500.</summary>
    public int MtuBytes { get; init; } = 1_500;

    /// <summary>What guests may reach outside. Default nothing.</summary>
    public OutboundPolicy Outbound { get; init; } = OutboundPolicy.None;

    /// <summary>The domain of the network's machines. Default <c>vivarium.internal</c>.</summary>
    public string Domain { get; init; } = "vivarium.internal";

    /// <summary>Name servers that are asked for names outside, if anything outside is allowed. Empty for the host's own.</summary>
    public IReadOnlyList<IPEndPoint> NameServers { get; init; } = [];

    /// <summary>Addresses of guests that DHCP always gives to the same one.</summary>
    public IReadOnlyDictionary<MacAddress, IPAddress> Reservations { get; init; } = new Dictionary<MacAddress, IPAddress>();

    /// <summary>DHCP options besides the usual ones, by number, for every guest.</summary>
    public IReadOnlyDictionary<byte, byte[]> DhcpOptions { get; init; } = new Dictionary<byte, byte[]>();

    /// <summary>TCP connections at a time, from 1. Default 16,384.</summary>
    public int MaxConnections { get; init; } = 16_384;

    /// <summary>TCP connections of one guest at a time that are not yet established, from 1; further ones are ignored. Default 256.</summary>
    public int MaxHalfOpenPerGuest { get; init; } = 256;

    /// <summary>TCP connections that one guest may have opened at a time, from 1; further ones are refused. Default 8,192.</summary>
    public int MaxConnectionsPerGuest { get; init; } = 8_192;

    /// <summary>UDP flows of one guest at a time, from 1; further ones end the one that has been silent longest. Default 256.</summary>
    public int MaxUdpFlowsPerGuest { get; init; } = 256;

    /// <summary>UDP flows at a time, from 1. Default 4,096.</summary>
    public int MaxUdpFlows { get; init; } = 4_096;

    /// <summary>After how long in silence a UDP flow ends. Default a minute.</summary>
    public TimeSpan UdpTimeout { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>How long connecting to an address outside may take. Default 30 seconds.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(30);

    internal void Validate()
    {
        if (Network.BaseAddress.AddressFamily != AddressFamily.InterNetwork || Network.PrefixLength is < 8 or > 29)
        {
            throw new ArgumentException($"The network {Network} does not serve: give one of IPv4 with 8 to 29 bits.");
        }

        if (Network6 is { } network6 && (network6.BaseAddress.AddressFamily != AddressFamily.InterNetworkV6 || network6.PrefixLength != 64))
        {
            throw new ArgumentException($"The network {network6} does not serve: give one of IPv6 with 64 bits.");
        }

        ArgumentOutOfRangeException.ThrowIfLessThan(MtuBytes, 1_280);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(MtuBytes, 9_000);
        ArgumentException.ThrowIfNullOrWhiteSpace(Domain);
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxConnections, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxHalfOpenPerGuest, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxConnectionsPerGuest, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxUdpFlowsPerGuest, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxUdpFlows, 1);
        foreach (var (client, address) in Reservations)
        {
            if (!Network.Contains(address))
            {
                throw new ArgumentException($"{address} cannot be reserved for {client}: it is not in {Network}.");
            }
        }
    }
}
