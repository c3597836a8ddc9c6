using System.Buffers.Binary;
using Vivarium.Bus;
using Vivarium.Devices;
using Vivarium.Memory;

namespace Vivarium;

/// <summary>Where a PC has its RAM, and the map that says so to the guest.</summary>
internal static class MemoryLayout
{
    /// <summary>Begins the 1 MiB hole's upper part, where ACPI tables go and kernels look for them.</summary>
    public const ulong TablesGpa = 0xE0000;

    /// <summary>Ends the legacy area.</summary>
    public const ulong HighMemoryGpa = 0x10_0000;

    /// <summary>RAM ends here below 4 GiB; devices, APICs and ROM are above.</summary>
    public const ulong DeviceHoleGpa = 0xC000_0000;

    /// <summary>The rest of RAM begins here.</summary>
    public const ulong Above4GGpa = 0x1_0000_0000;

    /// <summary>Configuration space of PCI bus 0; up to <see cref="PciWindowGpa"/> is kept for more.</summary>
    public const uint PciConfigurationGpa = 0xD000_0000;

    /// <summary>Begins the memory that operating systems and firmware give to PCI devices.</summary>
    public const uint PciWindowGpa = 0xE000_0000;

    /// <summary>The last byte of that memory; the IOAPIC follows.</summary>
    public const uint PciWindowLastGpa = 0xFEBF_FFFF;

    private const int PhysicalAddressBits = 40;
    private const ulong HighPciWindowAlignment = 1UL << 36;
    private const ulong HighPciWindowBytes = 1UL << 38;
    private const int FirmwareEntryBytes = 20;
    private const ulong VgaGpa = 0xA0000;
    private const ulong VgaEndGpa = 0xC0000;

    /// <summary>Adds RAM of <paramref name="memoryBytes"/> (at least 2 MiB, in pages); 128 KiB at 640 KiB are lost to the VGA window, as on a PC.</summary>
    public static void AddRam(GuestMemory memory, ulong memoryBytes)
    {
        memory.AddRam(0, VgaGpa);
        memory.AddRam(VgaEndGpa, Math.Min(memoryBytes, DeviceHoleGpa) - VgaEndGpa);
        if (memoryBytes > DeviceHoleGpa)
        {
            memory.AddRam(Above4GGpa, memoryBytes - DeviceHoleGpa);
        }
    }

    /// <summary>Memory above 4 GiB and RAM for PCI devices; null if the processors' physical addresses end before.</summary>
    public static (ulong First, ulong Last)? FindHighPciWindow(ulong memoryBytes)
    {
        var end = Above4GGpa + (memoryBytes > DeviceHoleGpa ? memoryBytes - DeviceHoleGpa : 0);
        var first = (end + HighPciWindowAlignment - 1) & ~(HighPciWindowAlignment - 1);
        var last = Math.Min(first + HighPciWindowBytes, 1UL << PhysicalAddressBits) - 1;
        return last > first ? (first, last) : null;
    }

    /// <summary>As <see cref="AddRam"/>, with the end of a ROM behind the RAM from 768 KiB to 1 MiB.</summary>
    /// <returns>What the chipset shows and hides, by rising address.</returns>
    public static IReadOnlyList<IShadowRam> AddShadowedRam(GuestMemory memory, ulong memoryBytes, ReadOnlySpan<byte> rom)
    {
        var seen = new byte[HighMemoryGpa - VgaEndGpa];
        var alias = rom[^Math.Min(rom.Length, (int)(HighMemoryGpa - TablesGpa))..];
        seen.AsSpan().Fill(0xFF);
        alias.CopyTo(seen.AsSpan(seen.Length - alias.Length));
        memory.AddRam(0, VgaGpa);
        memory.AddRam(HighMemoryGpa, Math.Min(memoryBytes, DeviceHoleGpa) - HighMemoryGpa);
        if (memoryBytes > DeviceHoleGpa)
        {
            memory.AddRam(Above4GGpa, memoryBytes - DeviceHoleGpa);
        }

        return
        [
            .. Enumerable.Range(0, I440FxHostBridge.SegmentCount).Select(segment =>
            {
                var (gpa, sizeBytes) = I440FxHostBridge.FindSegment(segment);
                return memory.AddShadowRam(gpa, seen.AsSpan((int)(gpa - VgaEndGpa), sizeBytes));
            }),
        ];
    }

    /// <summary>The memory map for the guest.</summary>
    public static IReadOnlyList<MemoryMapEntry> CreateMap(ulong memoryBytes, bool hasPci)
    {
        var map = new List<MemoryMapEntry>
        {
            new(0, BootLayout.ExtendedBiosData, MemoryMapKind.Usable),
            new(BootLayout.ExtendedBiosData, VgaGpa - BootLayout.ExtendedBiosData, MemoryMapKind.Reserved),
            new(TablesGpa, HighMemoryGpa - TablesGpa, MemoryMapKind.Reserved),
            new(HighMemoryGpa, Math.Min(memoryBytes, DeviceHoleGpa) - HighMemoryGpa, MemoryMapKind.Usable),
        };
        if (hasPci)
        {
            map.Add(new MemoryMapEntry(PciConfigurationGpa, PciConfigurationWindow.SizeBytes, MemoryMapKind.Reserved));
        }

        if (memoryBytes > DeviceHoleGpa)
        {
            map.Add(new MemoryMapEntry(Above4GGpa, memoryBytes - DeviceHoleGpa, MemoryMapKind.Usable));
        }

        return map;
    }

    /// <summary>The RAM ranges, and what else firmware is to know, as it reads them: address, size and kind of each in 20 bytes.</summary>
    public static byte[] CreateFirmwareMap(ulong memoryBytes, bool hasPci)
    {
        List<MemoryMapEntry> ranges = [new(0, Math.Min(memoryBytes, DeviceHoleGpa), MemoryMapKind.Usable)];
        if (memoryBytes > DeviceHoleGpa)
        {
            ranges.Add(new MemoryMapEntry(Above4GGpa, memoryBytes - DeviceHoleGpa, MemoryMapKind.Usable));
        }

        if (hasPci)
        {
            ranges.Add(new MemoryMapEntry(PciConfigurationGpa, PciConfigurationWindow.SizeBytes, MemoryMapKind.Reserved));
        }

        var file = new byte[ranges.Count * FirmwareEntryBytes];
        for (var i = 0; i < ranges.Count; i++)
        {
            var entry = file.AsSpan(i * FirmwareEntryBytes);
            BinaryPrimitives.WriteUInt64LittleEndian(entry, ranges[i].Gpa);
            BinaryPrimitives.WriteUInt64LittleEndian(entry[8..], ranges[i].SizeBytes);
            BinaryPrimitives.WriteInt32LittleEndian(entry[16..], (int)ranges[i].Kind);
        }

        return file;
    }
}
