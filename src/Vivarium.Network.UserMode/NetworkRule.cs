using System.Net;

namespace Vivarium.Network.UserMode;

/// <summary>Some addresses and ports outside.</summary>
public sealed record NetworkRule
{
    /// <summary>Creates a rule for a network such as <c>192.0.2.0/24</c> and all ports.</summary>
    public NetworkRule(IPNetwork network)
    {
        Network = network;
    }

    /// <summary>The addresses.</summary>
    public IPNetwork Network { get; }

    /// <summary>The first port. ICMP has none and is met by rules for all ports only.</summary>
    public int FirstPort { get; init; }

    /// <summary>The last port.</summary>
    public int LastPort { get; init; } = 65_535;

    internal bool Matches(IPAddress address, int port) =>
        port >= FirstPort && port <= LastPort && address.AddressFamily == Network.BaseAddress.AddressFamily && Network.Contains(address);
}
