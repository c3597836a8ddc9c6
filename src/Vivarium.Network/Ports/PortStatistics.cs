namespace Vivarium.Network;

/// <summary>What has passed a port since it was added, seen from the switch: received is what its device sent.</summary>
public sealed record PortStatistics
{
    /// <summary>Frames that the device sent into the switch, dropped ones included.</summary>
    public long ReceivedFrames { get; init; }

    /// <summary>Their bytes.</summary>
    public long ReceivedBytes { get; init; }

    /// <summary>Frames for the device, before its rate limit and faults.</summary>
    public long SentFrames { get; init; }

    /// <summary>Their bytes.</summary>
    public long SentBytes { get; init; }

    /// <summary>Frames that went no further, by reason, at the port that decided it.</summary>
    public required IReadOnlyDictionary<DropReason, long> Drops { get; init; }
}
