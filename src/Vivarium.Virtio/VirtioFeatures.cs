namespace Vivarium.Virtio;

/// <summary>Feature bits that all devices share (Virtio 1.2 §6).</summary>
public static class VirtioFeatures
{
    /// <summary>A descriptor may point to a table of descriptors.</summary>
    public const ulong IndirectDescriptors = 1UL << 28;

    /// <summary>Each side says at which buffer it wants to hear of the other.</summary>
    public const ulong EventIndex = 1UL << 29;

    /// <summary>The device is not a legacy one. Required.</summary>
    public const ulong Version1 = 1UL << 32;

    /// <summary>Queues are packed rather than split.</summary>
    public const ulong PackedRing = 1UL << 34;

    /// <summary>What every device here offers.</summary>
    public const ulong Common = IndirectDescriptors | EventIndex | Version1 | PackedRing;
}
