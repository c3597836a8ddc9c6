namespace Vivarium.Devices;

/// <summary>The tables as firmware takes them from fw_cfg: two files, and the commands that place them (QEMU docs/specs/acpi_*, hw/acpi/bios-linker-loader.c).</summary>
/// <param name="Rsdp">The file <c>etc/acpi/rsdp</c>.</param>
/// <param name="Tables">The file <c>etc/acpi/tables</c>; addresses within are offsets within this file until firmware adds its place.</param>
/// <param name="Commands">The file <c>etc/table-loader</c>.</param>
public sealed record AcpiFirmwareFiles(ReadOnlyMemory<byte> Rsdp, ReadOnlyMemory<byte> Tables, ReadOnlyMemory<byte> Commands)
{
    /// <summary>The name of <see cref="Rsdp"/>.</summary>
    public const string RsdpName = "etc/acpi/rsdp";

    /// <summary>The name of <see cref="Tables"/>.</summary>
    public const string TablesName = "etc/acpi/tables";

    /// <summary>The name of <see cref="Commands"/>.</summary>
    public const string CommandsName = "etc/table-loader";
}
