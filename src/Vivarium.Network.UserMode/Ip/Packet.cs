namespace Vivarium.Network.UserMode;

/// <summary>An IP packet from a guest: whole, in bounds, its checksums dealt with.</summary>
internal readonly ref struct Packet
{
    public required IpAddress Source { get; init; }

    public required IpAddress Destination { get; init; }

    public required byte Protocol { get; init; }

    public required MacAddress Guest { get; init; }

    /// <summary>The IP header with its first bytes of payload, for error messages that quote it.</summary>
    public required ReadOnlySpan<byte> Header { get; init; }

    public required ReadOnlySpan<byte> Payload { get; init; }

    public required byte Hops { get; init; }
}
