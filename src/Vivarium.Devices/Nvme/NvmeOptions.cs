using System.Text;

namespace Vivarium.Devices;

/// <summary>How an <see cref="NvmeController"/> shows itself.</summary>
public sealed record NvmeOptions
{
    /// <summary>How many pairs of I/O queues a guest may have, 1 to 64; one for each processor is best. Default 4.</summary>
    public int QueueCount { get; init; } = 4;

    /// <summary>1 to 20 ASCII characters. Default "VIVARIUM0".</summary>
    public string SerialNumber { get; init; } = "VIVARIUM0";

    internal void Validate()
    {
        if (QueueCount is < 1 or > 64)
        {
            throw new ArgumentException($"An NVMe controller has 1 to 64 pairs of I/O queues, not {QueueCount}.");
        }

        if (SerialNumber is not { Length: > 0 and <= 20 } || !Ascii.IsValid(SerialNumber))
        {
            throw new ArgumentException("A serial number has 1 to 20 ASCII characters.");
        }
    }
}
