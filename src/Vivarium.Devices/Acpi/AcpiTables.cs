using System.Buffers.Binary;

namespace Vivarium.Devices;

/// <summary>
/// Builds the ACPI tables of a machine (ACPI 6.5 ch. 5): RSDP, RSDT, XSDT, FADT of revision 6, FACS, MADT and DSDT, with PCI also MCFG, in one piece that
/// starts with the RSDP. It has no state and is not a device: a loader copies the piece into guest memory.
/// </summary>
public static partial class AcpiTables
{
    /// <summary>Where BIOSes put the RSDP for systems that look for it. The range to 0xFFFFF must be reserved in the memory map.</summary>
    public const uint DefaultAddress = 0x000E_0000;

    private const int HeaderSizeBytes = 36;
    private const int RsdpSizeBytes = 36;
    private const int TableAlignment = 64;

    /// <summary>Builds all tables, to be copied to <paramref name="address"/>, where the RSDP will be.</summary>
    /// <param name="configuration">What there is.</param>
    /// <param name="address">A multiple of 64 below 4 GiB.</param>
    /// <exception cref="ArgumentException">The address is not a multiple of 64, or there is no vCPU.</exception>
    public static byte[] Build(AcpiConfiguration configuration, uint address = DefaultAddress)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        ArgumentOutOfRangeException.ThrowIfZero(configuration.ApicIds.Count);
        if (address % TableAlignment != 0)
        {
            throw new ArgumentException($"ACPI tables need an address that is a multiple of {TableAlignment}, not 0x{address:X}.", nameof(address));
        }

        var image = new TableImage(address, RsdpSizeBytes);
        var facs = image.Append(CreateFacs());
        var dsdt = image.Append(CreateTable("DSDT", 2, WriteDsdt(configuration)));
        List<uint> listed =
        [
            image.Append(CreateTable("FACP", 6, WriteFadt(configuration, facs, dsdt))),
            image.Append(CreateTable("APIC", 5, WriteMadt(configuration))),
        ];
        if (configuration.Pci is { } pci)
        {
            listed.Add(image.Append(CreateTable("MCFG", 1, WriteMcfg(pci))));
        }

        listed.AddRange(configuration.AdditionalTables.Select(image.Append));

        var rsdt = image.Append(CreateTable("RSDT", 1, WritePointers(listed, sizeof(uint))));
        var xsdt = image.Append(CreateTable("XSDT", 1, WritePointers(listed, sizeof(ulong))));
        return image.Finish(CreateRsdp(rsdt, xsdt));
    }

    /// <summary>Makes a table: header, body and checksum.</summary>
    /// <param name="signature">Four ASCII characters.</param>
    /// <param name="revision">The revision of its layout.</param>
    /// <param name="body">What follows the header.</param>
    public static byte[] CreateTable(string signature, byte revision, ReadOnlySpan<byte> body)
    {
        ArgumentNullException.ThrowIfNull(signature);
        ArgumentOutOfRangeException.ThrowIfNotEqual(signature.Length, 4);
        var table = new byte[HeaderSizeBytes + body.Length];
        for (var i = 0; i < signature.Length; i++)
        {
            table[i] = (byte)signature[i];
        }

        BinaryPrimitives.WriteInt32LittleEndian(table.AsSpan(4), table.Length);
        table[8] = revision;
        "VIVARM"u8.CopyTo(table.AsSpan(10));
        "VIVARIUM"u8.CopyTo(table.AsSpan(16));
        BinaryPrimitives.WriteInt32LittleEndian(table.AsSpan(24), 1);
        "VIVA"u8.CopyTo(table.AsSpan(28));
        BinaryPrimitives.WriteInt32LittleEndian(table.AsSpan(32), 1);
        body.CopyTo(table.AsSpan(HeaderSizeBytes));
        table[9] = Checksum(table);
        return table;
    }

    /// <summary>The byte that makes the sum of all zero.</summary>
    private static byte Checksum(ReadOnlySpan<byte> bytes)
    {
        byte sum = 0;
        foreach (var value in bytes)
        {
            sum += value;
        }

        return (byte)-sum;
    }

    private static byte[] CreateRsdp(uint rsdt, uint xsdt)
    {
        var rsdp = new byte[RsdpSizeBytes];
        "RSD PTR "u8.CopyTo(rsdp);
        "VIVARM"u8.CopyTo(rsdp.AsSpan(9));
        rsdp[15] = 2;
        BinaryPrimitives.WriteUInt32LittleEndian(rsdp.AsSpan(16), rsdt);
        BinaryPrimitives.WriteInt32LittleEndian(rsdp.AsSpan(20), RsdpSizeBytes);
        BinaryPrimitives.WriteUInt64LittleEndian(rsdp.AsSpan(24), xsdt);

        // The first checksum covers the 20 bytes of version 1, the second everything.
        rsdp[8] = Checksum(rsdp.AsSpan(0, 20));
        rsdp[32] = Checksum(rsdp);
        return rsdp;
    }

    private static byte[] CreateFacs()
    {
        // The one table without a checksum.
        var facs = new byte[64];
        "FACS"u8.CopyTo(facs);
        BinaryPrimitives.WriteInt32LittleEndian(facs.AsSpan(4), facs.Length);
        facs[32] = 2;
        return facs;
    }

    private static byte[] WritePointers(List<uint> addresses, int pointerBytes)
    {
        var body = new byte[addresses.Count * pointerBytes];
        for (var i = 0; i < addresses.Count; i++)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(body.AsSpan(i * pointerBytes), addresses[i]);
        }

        return body;
    }

    /// <summary>Collects tables at aligned addresses behind a hole for the RSDP.</summary>
    private sealed class TableImage(uint address, int headBytes)
    {
        private readonly List<byte> _bytes = [.. new byte[headBytes]];

        public uint Append(byte[] table)
        {
            while (_bytes.Count % TableAlignment != 0)
            {
                _bytes.Add(0);
            }

            var at = address + (uint)_bytes.Count;
            _bytes.AddRange(table);
            return at;
        }

        public byte[] Finish(byte[] head)
        {
            var image = _bytes.ToArray();
            head.CopyTo(image, 0);
            return image;
        }
    }
}
