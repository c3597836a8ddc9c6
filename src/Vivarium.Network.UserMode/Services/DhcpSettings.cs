namespace Vivarium.Network.UserMode;

/// <summary>What the DHCP server gives out.</summary>
internal sealed record DhcpSettings
{
    public required IpAddress Server { get; init; }

    public required IpAddress Router { get; init; }

    public required IpAddress Dns { get; init; }

    public required IpAddress First { get; init; }

    public required IpAddress Last { get; init; }

    public required uint Mask { get; init; }

    public required string Domain { get; init; }

    public required int MtuBytes { get; init; }

    public int LeaseSeconds { get; init; } = 86_400;

    public IReadOnlyDictionary<byte, byte[]> ExtraOptions { get; init; } = new Dictionary<byte, byte[]>();
}
