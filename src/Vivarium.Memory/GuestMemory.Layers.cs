namespace Vivarium.Memory;

/// <content>Copy-on-write layers, and replacing the content whole.</content>
public sealed unsafe partial class GuestMemory
{
    /// <summary>Creates an empty memory; add RAM and ROM to it.</summary>
    public GuestMemory()
    {
    }

    private GuestMemory(MemoryRegion[] regions)
    {
        _regions = regions;
        _bySize = [.. regions.OrderByDescending(each => each.SizeBytes)];
    }

    /// <summary>A memory with the template's regions and content. It shares each page until it writes it. Costs no copy.</summary>
    /// <exception cref="ObjectDisposedException">The template was disposed.</exception>
    public static GuestMemory Fork(MemoryTemplate template)
    {
        ArgumentNullException.ThrowIfNull(template);
        return new GuestMemory(template.CreateRegions());
    }

    /// <summary>
    /// Freezes the present content as a template. This memory goes on as a first layer over it, and may be sealed again; nothing is copied.
    /// </summary>
    /// <exception cref="InvalidOperationException">A vCPU is running.</exception>
    public MemoryTemplate Seal()
    {
        using var stop = ReplaceContent();
        var regions = _regions;

        // All that can fail comes first. The regions' references on their old tops pass to the template.
        PageStore[] tops = [.. regions.Select(region => region.IsRom ? region.Top.AddReference() : new PageStore(region.PageCount, region.Top))];
        MemoryRegion[] sealedRegions = [.. regions.Select(region => new MemoryRegion(region.Gpa, region.SizeBytes, region.IsRom, region.Top))];
        for (var i = 0; i < regions.Length; i++)
        {
            foreach (var page in regions[i].IsRom ? [] : PagesWith(regions[i], PageState.Dirty | PageState.Code))
            {
                tops[i].States[page] = (byte)(regions[i].Top.States[page] & (PageState.Dirty | PageState.Code));
            }

            regions[i].Top = tops[i];
        }

        return new MemoryTemplate(sealedRegions);
    }

    /// <summary>Replaces the content by the template's. All pages count as dirty-free and all translated code is invalidated. Costs no copy.</summary>
    /// <exception cref="ArgumentException">The template has other regions.</exception>
    /// <exception cref="InvalidOperationException">A vCPU is running.</exception>
    public void ResetTo(MemoryTemplate template)
    {
        ArgumentNullException.ThrowIfNull(template);
        using var stop = ReplaceContent();
        if (!template.HasGeometryOf(_regions))
        {
            throw new ArgumentException("The template's memory regions differ from this memory's.", nameof(template));
        }

        ExchangeTops(template.CreateRegions());
    }

    /// <summary>
    /// Makes all RAM zero again and gives its pages back to the host. ROM stays. Pages stay where they are, as a guest can have its machine reset at
    /// any moment: another thread may read and write memory meanwhile, and what it writes may stay or not.
    /// </summary>
    /// <exception cref="InvalidOperationException">A vCPU is running.</exception>
    public void Clear()
    {
        using var stop = ReplaceContent();
        foreach (var region in _regions)
        {
            if (!region.IsRom)
            {
                GiveUpCode(region);
                region.Top.Clear();
            }
        }
    }

    /// <summary>
    /// Runs of RAM that were ever written, here or in a layer below, at most <paramref name="maximumBytes"/> long each, by rising address.
    /// All other RAM is zero. Nothing may write meanwhile.
    /// </summary>
    public IEnumerable<GuestRange> EnumeratePopulated(ulong maximumBytes)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maximumBytes, (ulong)PageSize);
        var maximumPages = (nuint)(maximumBytes / PageSize);
        foreach (var region in _regions)
        {
            nuint start = 0;
            while (!region.IsRom && (start = NextPopulated(region.Top, start)) < region.PageCount)
            {
                nuint count = 1;
                while (count < maximumPages && start + count < region.PageCount && IsPopulated(region.Top, start + count))
                {
                    count++;
                }

                yield return new GuestRange(region.Gpa + (start * PageSize), count * PageSize);
                start += count;
            }
        }
    }

    private static bool IsPopulated(PageStore top, nuint page) => top.Find(page) != null;

    private static nuint NextPopulated(PageStore top, nuint page)
    {
        var next = top.PageCount;
        for (var store = top; store is not null; store = store.Parent)
        {
            next = nuint.Min(next, store.NextWith(PageState.Own, page));
        }

        return next;
    }

    private void ExchangeTops(MemoryRegion[] replacements)
    {
        for (var i = 0; i < replacements.Length; i++)
        {
            var region = _regions[i];
            if (!region.IsRom)
            {
                GiveUpCode(region);
            }

            var old = region.Top;
            region.Top = replacements[i].Top;
            old.Release();
        }
    }

    private void GiveUpCode(MemoryRegion region)
    {
        foreach (var page in PagesWith(region, PageState.Code))
        {
            InvalidateCode(region, page);
        }
    }

    /// <summary>Enters the gate and makes every vCPU forget its pointers before it runs again.</summary>
    private Lock.Scope ReplaceContent()
    {
        var scope = _layerGate.EnterScope();
        if (Revocation.AnyRunning)
        {
            scope.Dispose();
            throw new InvalidOperationException("Pause every vCPU before sealing, clearing or replacing guest memory.");
        }

        Revocation.Revoke(null);
        return scope;
    }
}
