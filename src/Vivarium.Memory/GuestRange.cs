namespace Vivarium.Memory;

/// <summary>A run of guest-physical bytes.</summary>
/// <param name="Gpa">The first address.</param>
/// <param name="SizeBytes">The length.</param>
public readonly record struct GuestRange(ulong Gpa, ulong SizeBytes);
