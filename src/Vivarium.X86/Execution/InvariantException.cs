namespace Vivarium.X86;

/// <summary>What must always hold does not: a defect of the emulator, found in a debug build.</summary>
internal sealed class InvariantException(string message) : Exception(message);
