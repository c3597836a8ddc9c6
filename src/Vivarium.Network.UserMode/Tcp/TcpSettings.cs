namespace Vivarium.Network.UserMode;

/// <summary>How connections behave.</summary>
internal sealed record TcpSettings
{
    /// <summary>Bytes that wait to be read at most.</summary>
    public int ReceiveBytes { get; init; } = 512 << 10;

    /// <summary>Bytes that wait to be acknowledged at most.</summary>
    public int SendBytes { get; init; } = 512 << 10;

    /// <summary>Largest payload of a segment that goes over the link, headers off.</summary>
    public int MaxSegmentBytes { get; init; } = 1_460;

    /// <summary>Largest payload handed to the link at once; more than a segment where it can cut.</summary>
    public int MaxBurstBytes { get; init; } = 1_460;

    /// <summary>How often a segment is sent again before the peer counts as gone.</summary>
    public int MaxRetransmissions { get; init; } = 10;

    /// <summary>How often a SYN, or its answer, is sent again.</summary>
    public int MaxSynRetransmissions { get; init; } = 4;

    /// <summary>How long a closed connection answers stragglers. Far above any round trip inside one process.</summary>
    public long TimeWaitNs { get; init; } = 2_000_000_000;

    /// <summary>How long a connection that nobody uses any more waits for its peer's end.</summary>
    public long OrphanNs { get; init; } = 60_000_000_000;

    /// <summary>After how long without a word the peer is asked whether it is there.</summary>
    public long KeepAliveNs { get; init; } = 300_000_000_000;
}
