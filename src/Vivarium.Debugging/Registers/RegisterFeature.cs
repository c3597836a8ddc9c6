namespace Vivarium.Debugging;

/// <summary>A feature of a target description (GDB manual, "Standard Target Features"): types in XML, then registers.</summary>
/// <param name="Name">The name that gdb looks for.</param>
/// <param name="Types">Elements that define types.</param>
/// <param name="Registers">Its registers in order.</param>
internal sealed record RegisterFeature(string Name, string Types, IReadOnlyList<DescribedRegister> Registers);
