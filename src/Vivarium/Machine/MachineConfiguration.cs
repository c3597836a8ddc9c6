namespace Vivarium;

/// <summary>What a guest can tell of how its machine was built. A snapshot restores only into a machine of equal configuration.</summary>
/// <param name="Name">The machine's name, for people; may differ.</param>
/// <param name="Preset">The set of built-in devices.</param>
/// <param name="MemoryBytes">Guest memory as asked for.</param>
/// <param name="CpuCount">How many processors.</param>
/// <param name="CpuModel">The CPU model's name.</param>
public sealed record MachineConfiguration(string Name, MachinePreset Preset, ulong MemoryBytes, int CpuCount, string CpuModel);

/// <summary>Sets of built-in devices.</summary>
public enum MachinePreset
{
    /// <summary>
    /// What a Linux guest needs and no more: interrupt controllers, interval timer, clock, one serial port, ACPI tables and power,
    /// paravirtual clock, reset ports, debug ports.
    /// </summary>
    MicroVm,

    /// <summary>A PC for firmware and older systems: as <see cref="MicroVm"/>, with keyboard controller, second serial port and fw_cfg.</summary>
    Pc,

    /// <summary>
    /// A PC for QEMU's firmware, such as SeaBIOS: as <see cref="Pc"/>, with PCI, the chipset's registers (Intel 440FX and PIIX), ROM that firmware
    /// copies into shadow RAM, HPET, and ACPI tables that the firmware places.
    /// </summary>
    I440Fx,
}
