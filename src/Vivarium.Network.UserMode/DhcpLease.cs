using System.Net;

namespace Vivarium.Network.UserMode;

/// <summary>An address that a guest has by DHCP.</summary>
/// <param name="Client">The guest's Ethernet address.</param>
/// <param name="Address">Its IPv4 address.</param>
/// <param name="Name">What it calls itself; null if it does not say.</param>
public sealed record DhcpLease(MacAddress Client, IPAddress Address, string? Name);
