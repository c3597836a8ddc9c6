namespace Vivarium.Debugging;

/// <summary>A register as the target description has it.</summary>
/// <param name="Name">gdb's name.</param>
/// <param name="SizeBytes">Bytes in a packet, little-endian.</param>
/// <param name="Type">gdb's type.</param>
/// <param name="Kind">Where it is found.</param>
/// <param name="Number">Which one of its kind.</param>
internal readonly record struct DescribedRegister(string Name, int SizeBytes, string Type, RegisterKind Kind, int Number = 0)
{
    /// <summary>No register is larger.</summary>
    public const int MaxBytes = 16;
}
