namespace Vivarium.X86;

/// <summary>Which x87 instruction FIP and FOP name, where emitted code has not stored them yet.</summary>
/// <param name="PageOffset">Its offset in the block's page.</param>
/// <param name="Opcode">Its FOP.</param>
/// <param name="IsPending">False if the state is right.</param>
internal readonly record struct X87Note(ushort PageOffset, ushort Opcode, bool IsPending);
