namespace Vivarium.Virtio;

/// <summary>How a <see cref="VirtioBlock"/> shows itself.</summary>
public sealed class VirtioBlockOptions
{
    /// <summary>How many request queues, 1 to 64; one for each processor lets them submit without waiting for each other. Default 1.</summary>
    public int QueueCount { get; init; } = 1;

    /// <summary>The most descriptors of each queue, a power of two from 4 to 1,024. Default 256.</summary>
    public int QueueSize { get; init; } = 256;

    /// <summary>What the guest reads as the disk's serial number: at most 20 ASCII characters. Default none.</summary>
    public string SerialNumber { get; init; } = "";

    internal void Validate()
    {
        if (QueueCount is < 1 or > 64)
        {
            throw new ArgumentException($"A virtio disk has 1 to 64 queues; got {QueueCount}.");
        }

        if (QueueSize is < 4 or > 1024 || !int.IsPow2(QueueSize))
        {
            throw new ArgumentException($"The queues of a virtio disk have a power of two from 4 to 1,024 descriptors; got {QueueSize}.");
        }

        if (SerialNumber is null || SerialNumber.Length > VirtioBlock.SerialBytes || SerialNumber.Any(each => each is < ' ' or > '~'))
        {
            throw new ArgumentException($"A disk's serial number has at most {VirtioBlock.SerialBytes} printable ASCII characters; got '{SerialNumber}'.");
        }
    }
}
