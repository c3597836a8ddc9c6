namespace Vivarium.Devices;

/// <summary>Selectors of fw_cfg items that firmware and boot code expect (QEMU docs/specs/fw_cfg.rst).</summary>
public static class FwCfgItem
{
    /// <summary>RAM size in bytes, 64 bits.</summary>
    public const ushort RamSize = 0x03;

    /// <summary>How many vCPUs run at boot, 16 bits.</summary>
    public const ushort ProcessorCount = 0x05;

    /// <summary>Where to put the protected-mode kernel, 32 bits.</summary>
    public const ushort KernelAddress = 0x07;

    /// <summary>Bytes of <see cref="KernelData"/>, 32 bits.</summary>
    public const ushort KernelSize = 0x08;

    /// <summary>Where to put the initrd, 32 bits.</summary>
    public const ushort InitrdAddress = 0x0A;

    /// <summary>Bytes of <see cref="InitrdData"/>, 32 bits.</summary>
    public const ushort InitrdSize = 0x0B;

    /// <summary>The highest number of vCPUs, 16 bits.</summary>
    public const ushort MaximumProcessorCount = 0x0F;

    /// <summary>Where the kernel is entered, 32 bits.</summary>
    public const ushort KernelEntry = 0x10;

    /// <summary>The protected-mode kernel.</summary>
    public const ushort KernelData = 0x11;

    /// <summary>The initrd.</summary>
    public const ushort InitrdData = 0x12;

    /// <summary>Where to put the command line, 32 bits.</summary>
    public const ushort CommandLineAddress = 0x13;

    /// <summary>Bytes of <see cref="CommandLineData"/>, its zero included, 32 bits.</summary>
    public const ushort CommandLineSize = 0x14;

    /// <summary>The command line, ended by a zero.</summary>
    public const ushort CommandLineData = 0x15;

    /// <summary>Where to put the real-mode part of the kernel, 32 bits.</summary>
    public const ushort SetupAddress = 0x16;

    /// <summary>Bytes of <see cref="SetupData"/>, 32 bits.</summary>
    public const ushort SetupSize = 0x17;

    /// <summary>The real-mode part of the kernel.</summary>
    public const ushort SetupData = 0x18;
}
