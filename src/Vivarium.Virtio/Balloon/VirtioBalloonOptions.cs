namespace Vivarium.Virtio;

/// <summary>What a <see cref="VirtioBalloon"/> offers.</summary>
public sealed class VirtioBalloonOptions
{
    /// <summary>What the guest is asked to give up from its boot on, in bytes; rounded down to whole pages of 4 KiB. Default 0.</summary>
    public long TargetBytes { get; init; }

    /// <summary>Whether a guest that runs out of memory may take pages back on its own. Default true.</summary>
    public bool DeflatesOnOutOfMemory { get; init; } = true;

    /// <summary>Whether the guest tells of pages that it freed, so that the host has them back while the guest does not need them. Default true.</summary>
    public bool ReportsFreePages { get; init; } = true;
}
