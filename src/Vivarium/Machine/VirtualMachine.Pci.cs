namespace Vivarium;

/// <content>PCI devices that come and go.</content>
public sealed partial class VirtualMachine
{
    /// <summary>Whether the guest finds a device in PCI slot <paramref name="slot"/> now, 0 to 31. Any thread.</summary>
    /// <exception cref="InvalidOperationException">The machine has no PCI bus.</exception>
    public bool IsPciDevicePresent(int slot)
    {
        var pci = RequirePci();
        lock (_parts.DeviceLock)
        {
            return pci.IsPresent(slot);
        }
    }

    /// <summary>
    /// Plugs the device that was added for an empty slot, and tells the guest through ACPI. Takes effect when the machine runs. Does nothing if the
    /// device is there.
    /// </summary>
    /// <exception cref="ArgumentException">The slot's device is fixed, or there is none.</exception>
    /// <exception cref="InvalidOperationException">The machine has no PCI bus.</exception>
    public void PlugPciDevice(int slot)
    {
        var hotPlug = RequirePci().RequireHotPlug(slot);
        Events.Post(() => hotPlug.Plug(slot));
    }

    /// <summary>
    /// Asks the guest through ACPI to give back the device in a slot. It goes when the guest has ejected it, which takes a moment or never comes:
    /// <see cref="IsPciDevicePresent"/> tells. Does nothing if the slot is empty.
    /// </summary>
    /// <exception cref="ArgumentException">The slot's device is fixed, or there is none.</exception>
    /// <exception cref="InvalidOperationException">The machine has no PCI bus.</exception>
    public void UnplugPciDevice(int slot)
    {
        var hotPlug = RequirePci().RequireHotPlug(slot);
        Events.Post(() => hotPlug.RequestUnplug(slot));
    }

    private PciComplex RequirePci() =>
        _parts.Pci ?? throw new InvalidOperationException($"The machine '{Configuration.Name}' has no PCI bus: call WithPci on its builder.");
}
