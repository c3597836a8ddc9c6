namespace Vivarium.X86;

/// <summary>A jump into another page that a block follows.</summary>
/// <param name="Block">The block.</param>
/// <param name="Place">The jump, as <see cref="DecodedRun.PlaceOf"/> names it.</param>
/// <param name="Target">What was translated at its target; with other code there it is another key.</param>
internal readonly record struct SeamKey(BlockKey Block, int Place, TranslatedBlock Target);
