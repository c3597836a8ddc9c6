namespace Vivarium;

/// <summary>One line of the map of guest-physical memory that a boot loader hands to the guest (ACPI 6.5 §15, INT 15h E820h).</summary>
/// <param name="Gpa">The first address.</param>
/// <param name="SizeBytes">The length.</param>
/// <param name="Kind">What is there.</param>
public readonly record struct MemoryMapEntry(ulong Gpa, ulong SizeBytes, MemoryMapKind Kind);

/// <summary>What a <see cref="MemoryMapEntry"/> says of its range; the values are those of E820h.</summary>
public enum MemoryMapKind
{
    /// <summary>RAM that the guest may use.</summary>
    Usable = 1,

    /// <summary>Not to be used.</summary>
    Reserved = 2,

    /// <summary>ACPI tables; usable after the guest has read them.</summary>
    AcpiTables = 3,
}
