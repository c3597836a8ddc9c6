using System.Text;

namespace Vivarium.Virtio;

/// <summary>How a <see cref="VirtioShare"/> shows a host folder.</summary>
public sealed class VirtioShareOptions
{
    internal const int MaximumTagBytes = 255;

    /// <summary>The name by which the guest mounts it: 1 to 255 bytes in UTF-8. Default <c>share</c>.</summary>
    public string Tag { get; init; } = "share";

    /// <summary>Whether the guest may only read. Default false.</summary>
    public bool IsReadOnly { get; init; }

    /// <summary>The most bytes of a message, 8 KiB to 16 MiB; the guest may ask for fewer. Default 1 MiB.</summary>
    public int MaximumMessageBytes { get; init; } = 1 << 20;

    /// <summary>The most files and folders that the guest holds at a time, 16 to 65,536; each takes a file descriptor of the host. Default 4,096.</summary>
    public int MaximumFids { get; init; } = 4096;

    /// <summary>How many requests the host works on at a time, 1 to 64. Default 4.</summary>
    public int MaximumWorkers { get; init; } = 4;

    internal void Validate()
    {
        if (string.IsNullOrEmpty(Tag) || Encoding.UTF8.GetByteCount(Tag) > MaximumTagBytes || Tag.Contains('\0'))
        {
            throw new ArgumentException($"The tag of a share has 1 to {MaximumTagBytes} bytes; got '{Tag}'.");
        }

        if (MaximumMessageBytes is < 8192 or > 16 << 20)
        {
            throw new ArgumentException($"The messages of a share have 8 KiB to 16 MiB at most; got {MaximumMessageBytes:N0} bytes.");
        }

        if (MaximumFids is < 16 or > 65536)
        {
            throw new ArgumentException($"A share lets its guest hold 16 to 65,536 files; got {MaximumFids:N0}.");
        }

        if (MaximumWorkers is < 1 or > 64)
        {
            throw new ArgumentException($"A share has 1 to 64 workers; got {MaximumWorkers}.");
        }
    }
}
