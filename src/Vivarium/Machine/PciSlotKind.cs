namespace Vivarium;

/// <summary>Whether the device in a PCI slot comes and goes while the guest runs.</summary>
public enum PciSlotKind
{
    /// <summary>It is there for good.</summary>
    Fixed,

    /// <summary>It is there, and can be unplugged and plugged again.</summary>
    Filled,

    /// <summary>The slot is empty until the device is plugged.</summary>
    Empty,
}
