namespace Vivarium.Virtio;

/// <summary>Entropy for the guest (Virtio 1.2 §5.4): each buffer is filled from the machine's <see cref="IEntropySource"/>.</summary>
public sealed class VirtioRng : VirtioDevice
{
    private const int QueueSize = 64;
    private const int ChunkBytes = 256;

    /// <summary>A larger buffer comes back with so much in it, as it may.</summary>
    private const int MaximumBytes = 64 << 10;

    private readonly IEntropySource _entropy;

    /// <summary>Creates the device.</summary>
    /// <param name="services">The machine's.</param>
    /// <param name="stateName">Such as <c>virtio-rng0</c>.</param>
    /// <param name="entropy">Where the bytes come from.</param>
    public VirtioRng(VirtioServices services, string stateName, IEntropySource entropy)
        : base(services, stateName, deviceType: 4, features: 0, configurationBytes: 0, [QueueSize])
    {
        ArgumentNullException.ThrowIfNull(entropy);
        _entropy = entropy;
    }

    /// <inheritdoc/>
    protected override long Process(Virtqueue queue, DescriptorChain chain)
    {
        ArgumentNullException.ThrowIfNull(queue);
        ArgumentNullException.ThrowIfNull(chain);
        var total = Math.Min(chain.WritableBytes, MaximumBytes);
        Span<byte> chunk = stackalloc byte[ChunkBytes];
        for (var offset = 0L; offset < total; offset += ChunkBytes)
        {
            var part = chunk[..(int)Math.Min(ChunkBytes, total - offset)];
            _entropy.Fill(part);
            chain.TryWrite(offset, part);
        }

        queue.Complete(chain, (uint)total);
        return total;
    }

    /// <inheritdoc/>
    protected override void ResetDevice()
    {
    }
}
