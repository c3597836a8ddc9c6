namespace Vivarium;

/// <summary>What the firmware of a machine with <see cref="MachinePreset.I440Fx"/> is told.</summary>
public sealed record FirmwareOptions
{
    /// <summary>The kinds of device to boot from, the first first. Default disks, then CDs.</summary>
    public IReadOnlyList<BootDevice> BootOrder { get; init; } = [BootDevice.Disk, BootDevice.Cd];

    /// <summary>Whether the firmware shows its screen and takes keys on COM1. Default true.</summary>
    public bool HasSerialConsole { get; init; } = true;

    /// <summary>Whether the firmware waits a moment for a key that opens its boot menu. Default false.</summary>
    public bool HasBootMenu { get; init; }

    /// <summary>How long it waits before it starts anew if nothing can be booted; −1 ms is for ever. Default for ever.</summary>
    public TimeSpan BootFailureWait { get; init; } = TimeSpan.FromMilliseconds(-1);
}

/// <summary>Kinds of device that firmware boots from; the values are those in CMOS.</summary>
public enum BootDevice
{
    /// <summary>A floppy disk.</summary>
    Floppy = 1,

    /// <summary>A disk.</summary>
    Disk = 2,

    /// <summary>A CD or DVD.</summary>
    Cd = 3,

    /// <summary>The network.</summary>
    Network = 4,
}
