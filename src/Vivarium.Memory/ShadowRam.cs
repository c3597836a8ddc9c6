namespace Vivarium.Memory;

/// <summary>The handle of a region that <see cref="GuestMemory.AddShadowRam"/> added.</summary>
internal sealed class ShadowRam(GuestMemory memory, MemoryRegion region, MemoryRegion rom) : IShadowRam
{
    private readonly MemoryRegion _locked = new(region);

    /// <inheritdoc/>
    public void SetAccess(bool readsRam, bool writesRam) => memory.SetCover(region, !readsRam ? rom : writesRam ? null : _locked);
}
