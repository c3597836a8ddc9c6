namespace Vivarium.Virtio;

/// <summary>How a <see cref="VirtioNet"/> shows itself.</summary>
public sealed record VirtioNetOptions
{
    /// <summary>Its Ethernet address. Default: the first of seed 0; machines of one network need different ones (<see cref="MacAddress.FromSeed"/>).</summary>
    public MacAddress Address { get; init; } = MacAddress.FromSeed(0);

    /// <summary>The longest IP packet that the link carries, 576 to 65,535 bytes; the same as its port's. Default 1,500.</summary>
    public int MtuBytes { get; init; } = 1_500;

    /// <summary>How many pairs of queues, 1 to 32; one for each processor lets them send without waiting for each other. Default 1.</summary>
    public int QueuePairs { get; init; } = 1;

    /// <summary>The most descriptors of each queue, a power of two from 16 to 1,024. Default 256.</summary>
    public int QueueSize { get; init; } = 256;

    /// <summary>Frames for the guest that wait at most while it has no room, for each pair of queues, from 16. Default 4,096.</summary>
    public int WaitingFrames { get; init; } = 4_096;

    /// <summary>Bytes of such frames at most, from 64 KiB. Default 4 MiB.</summary>
    public long WaitingBytes { get; init; } = 4L << 20;

    internal void Validate()
    {
        if (Address.IsMulticast || Address.Value == 0)
        {
            throw new ArgumentException($"{Address} is no address of a single station; take one of MacAddress.FromSeed.");
        }

        if (MtuBytes is < 576 or > 65_535)
        {
            throw new ArgumentException($"The MTU of a network device is 576 to 65,535 bytes; got {MtuBytes}.");
        }

        if (QueuePairs is < 1 or > 32)
        {
            throw new ArgumentException($"A virtio network device has 1 to 32 pairs of queues; got {QueuePairs}.");
        }

        if (QueueSize is < 16 or > 1024 || !int.IsPow2(QueueSize))
        {
            throw new ArgumentException($"The queues of a virtio network device have a power of two from 16 to 1,024 descriptors; got {QueueSize}.");
        }

        if (WaitingFrames < 16 || WaitingBytes < 64 << 10)
        {
            throw new ArgumentException($"At least 16 frames and 64 KiB must be able to wait for the guest; got {WaitingFrames} and {WaitingBytes} bytes.");
        }
    }
}
