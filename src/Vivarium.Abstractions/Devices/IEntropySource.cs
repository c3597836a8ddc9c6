namespace Vivarium;

/// <summary>Where a machine's randomness comes from (RDRAND, virtio-rng). Any thread.</summary>
public interface IEntropySource
{
    /// <summary>Fills <paramref name="destination"/> with random bytes.</summary>
    void Fill(Span<byte> destination);
}
