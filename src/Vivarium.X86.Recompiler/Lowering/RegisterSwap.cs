namespace Vivarium.X86;

/// <summary>For the length of a block, a guest register that lives in the state takes the host register of one that the block does not use.</summary>
/// <param name="Guest">The guest register that gets a host register.</param>
/// <param name="Displaced">The guest register that waits in the state meanwhile.</param>
/// <param name="Host">The host register.</param>
/// <param name="IsWritten">Whether the block changes the first.</param>
internal readonly record struct RegisterSwap(int Guest, int Displaced, int Host, bool IsWritten);
