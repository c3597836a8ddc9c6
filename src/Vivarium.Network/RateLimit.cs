namespace Vivarium.Network;

/// <summary>How much may pass a port in one direction: a token bucket of frames and one of bytes, and a bounded queue for what has to wait.</summary>
public sealed record RateLimit
{
    /// <summary>Frames a second; 0 for no limit. A frame that carries several segments counts as these.</summary>
    public long FramesPerSecond { get; init; }

    /// <summary>Bytes a second, Ethernet headers included; 0 for no limit.</summary>
    public long BytesPerSecond { get; init; }

    /// <summary>Frames that may pass at once after a pause, from 1.</summary>
    public long BurstFrames { get; init; } = 64;

    /// <summary>Bytes that may pass at once after a pause, from 1.</summary>
    public long BurstBytes { get; init; } = 256 << 10;

    /// <summary>Frames that may wait; more are dropped.</summary>
    public int QueueFrames { get; init; } = 512;

    /// <summary>Bytes that may wait; more are dropped.</summary>
    public long QueueBytes { get; init; } = 1 << 20;

    internal void Validate()
    {
        ArgumentOutOfRangeException.ThrowIfNegative(FramesPerSecond);
        ArgumentOutOfRangeException.ThrowIfNegative(BytesPerSecond);
        ArgumentOutOfRangeException.ThrowIfLessThan(BurstFrames, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(BurstBytes, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(QueueFrames);
        ArgumentOutOfRangeException.ThrowIfNegative(QueueBytes);
    }
}
