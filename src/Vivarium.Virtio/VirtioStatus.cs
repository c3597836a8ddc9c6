namespace Vivarium.Virtio;

/// <summary>Bits of a device's status (Virtio 1.2 §2.1). None: it was reset.</summary>
[Flags]
public enum VirtioStatus
{
    /// <summary>Reset.</summary>
    None = 0,

    /// <summary>The guest has found the device.</summary>
    Acknowledge = 1,

    /// <summary>It has a driver.</summary>
    Driver = 2,

    /// <summary>The driver is ready; queues are worked on.</summary>
    DriverOk = 4,

    /// <summary>The features are agreed on.</summary>
    FeaturesOk = 8,

    /// <summary>The driver did something that the device cannot go on from.</summary>
    DeviceNeedsReset = 64,

    /// <summary>The driver has given up.</summary>
    Failed = 128,
}
