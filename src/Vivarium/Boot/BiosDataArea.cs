namespace Vivarium;

/// <summary>
/// The words that a BIOS leaves at 0x400 and that kernels started without one still look for: Xen, for example, puts its real-mode code
/// below what the memory size here says.
/// </summary>
internal static class BiosDataArea
{
    private const ulong SerialPorts = 0x400;
    private const ulong ExtendedSegment = 0x40E;
    private const ulong BaseMemoryKib = 0x413;
    private const string What = "BIOS data area";

    private static readonly ushort[] s_serialPorts = [0x3F8, 0x2F8];

    /// <summary>Writes the I/O ports of the serial ports, and where memory below 640 KiB ends.</summary>
    public static void Write(BootContext context, int serialPortCount)
    {
        for (var port = 0; port < serialPortCount; port++)
        {
            context.Write(SerialPorts + ((ulong)port * 2), s_serialPorts[port], What);
        }

        context.Write(ExtendedSegment, (ushort)(BootLayout.ExtendedBiosData >> 4), What);
        context.Write(BaseMemoryKib, (ushort)(BootLayout.ExtendedBiosData / 1024), What);

        // The extended area begins with its own size in KiB.
        context.Write(BootLayout.ExtendedBiosData, (byte)1, What);
    }
}
