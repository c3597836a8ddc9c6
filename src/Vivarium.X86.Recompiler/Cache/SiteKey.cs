namespace Vivarium.X86;

/// <summary>An access of hot code that has an entry of its own in the site TLB.</summary>
/// <param name="Block">Its block.</param>
/// <param name="Place">Its instruction, as <see cref="DecodedRun.PlaceOf"/> names it; those of an unrolled loop's rounds are one.</param>
/// <param name="SizeBytes">What is looked up.</param>
/// <param name="IsWrite">For what.</param>
internal readonly record struct SiteKey(BlockKey Block, int Place, int SizeBytes, bool IsWrite)
{
    /// <inheritdoc/>
    public override int GetHashCode() => Block.GetHashCode() ^ (Place * 0x2545F491) ^ SizeBytes;
}
