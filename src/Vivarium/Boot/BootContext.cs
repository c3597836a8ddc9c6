using Vivarium.Memory;

namespace Vivarium;

/// <summary>What a boot loader sees of the machine.</summary>
public sealed class BootContext
{
    /// <summary>Describes a machine to a loader.</summary>
    /// <param name="memory">The guest's memory.</param>
    /// <param name="memoryMap">The map to hand to the guest, by rising address.</param>
    public BootContext(GuestMemory memory, IReadOnlyList<MemoryMapEntry> memoryMap)
    {
        ArgumentNullException.ThrowIfNull(memory);
        ArgumentNullException.ThrowIfNull(memoryMap);
        Memory = memory;
        MemoryMap = memoryMap;
    }

    /// <summary>The guest's memory.</summary>
    public GuestMemory Memory { get; }

    /// <summary>The map to hand to the guest, by rising address.</summary>
    public IReadOnlyList<MemoryMapEntry> MemoryMap { get; }

    /// <summary>Guest-physical address of the ACPI root pointer; 0 if there is none.</summary>
    public ulong RsdpGpa { get; init; }

    /// <summary>Whether the chipset shows ROM below 1 MiB: then there is nothing to be copied there.</summary>
    public bool HasShadowedRom { get; init; }

    /// <summary>Whether a VGA card stands in text mode.</summary>
    public bool HasVgaText { get; init; }

    /// <summary>Writes bytes or refuses with a sentence that names <paramref name="what"/>.</summary>
    /// <exception cref="GuestImageException">Any of them is not RAM.</exception>
    public void Write(ulong gpa, ReadOnlySpan<byte> bytes, string what)
    {
        if (!Memory.TryWrite(gpa, bytes))
        {
            throw DoesNotFit(gpa, (ulong)bytes.Length, what);
        }
    }

    /// <summary>Writes a value or refuses with a sentence that names <paramref name="what"/>.</summary>
    /// <exception cref="GuestImageException">Any byte of it is not RAM.</exception>
    public void Write<T>(ulong gpa, T value, string what)
        where T : unmanaged
    {
        if (!Memory.TryWrite(gpa, value))
        {
            throw DoesNotFit(gpa, 0, what);
        }
    }

    /// <summary>The usable range that holds all of [<paramref name="gpa"/>, <paramref name="gpa"/> + <paramref name="sizeBytes"/>).</summary>
    /// <exception cref="GuestImageException">There is none.</exception>
    public MemoryMapEntry RequireUsable(ulong gpa, ulong sizeBytes, string what)
    {
        foreach (var entry in MemoryMap)
        {
            if (entry.Kind == MemoryMapKind.Usable && gpa >= entry.Gpa && gpa - entry.Gpa <= entry.SizeBytes && sizeBytes <= entry.SizeBytes - (gpa - entry.Gpa))
            {
                return entry;
            }
        }

        throw DoesNotFit(gpa, sizeBytes, what);
    }

    /// <summary>The highest page-aligned place for <paramref name="sizeBytes"/> bytes in usable memory from <paramref name="lowest"/> up to <paramref name="end"/>.</summary>
    /// <exception cref="GuestImageException">There is none.</exception>
    public ulong PlaceHigh(ulong sizeBytes, ulong lowest, ulong end, string what)
    {
        for (var i = MemoryMap.Count - 1; i >= 0; i--)
        {
            var entry = MemoryMap[i];
            var first = Math.Max(entry.Gpa, lowest);
            var last = Math.Min(entry.Gpa + entry.SizeBytes, end);
            if (entry.Kind == MemoryMapKind.Usable && last > first && sizeBytes <= last - first)
            {
                var gpa = (last - sizeBytes) & ~(GuestMemory.PageSize - 1UL);
                if (gpa >= first)
                {
                    return gpa;
                }
            }
        }

        throw new GuestImageException(
            $"The {what} of {sizeBytes:N0} bytes finds no room in guest memory between 0x{lowest:X} and 0x{end:X}; give the machine more memory.");
    }

    private static GuestImageException DoesNotFit(ulong gpa, ulong sizeBytes, string what) =>
        new($"The {what} must go to 0x{gpa:X} ({sizeBytes:N0} bytes), where the machine has no usable memory; give it more memory.");
}
