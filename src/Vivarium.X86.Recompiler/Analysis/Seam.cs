namespace Vivarium.X86;

/// <summary>Where a run goes on in another page: the jump that leads there was followed when the run was decoded.</summary>
/// <param name="Jump">The jump.</param>
/// <param name="Cell">The cell that knows for which page of the jump this is right; <see cref="SeamTable.None"/> if the run was in the target's page before.</param>
/// <param name="Target">The block at the target, which is in the jump cache if the page is the right one; null without a cell.</param>
internal readonly record struct Seam(int Jump, int Cell, TranslatedBlock? Target);
