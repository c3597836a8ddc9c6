namespace Vivarium.Network.UserMode;

/// <summary>A port of a guest, and whether it talks with the host's loopback or with the outside.</summary>
internal readonly record struct UdpFlowKey(IpAddress Guest, ushort Port, bool IsToHost);
