using System.Diagnostics;

namespace Vivarium.X86;

/// <content>What must always hold, looked at in debug builds: at the end of each run the TLB against guest memory.</content>
internal sealed unsafe partial class CpuCore
{
    /// <summary>How long a change by another thread may take from the page's state to the kick that tells of it.</summary>
    private static readonly TimeSpan s_kickPatience = TimeSpan.FromSeconds(2);

    /// <summary>Guest-physical pages by mode and linear page, of all fills whose entries may still be there. Null in release builds.</summary>
    private Dictionary<(MmuMode Mode, ulong Page), ulong>? _filledPages;

    /// <summary>Remembers where a page was found when the TLB was filled.</summary>
    [Conditional("DEBUG")]
    private void NoteFill(MmuMode mode, ulong linearPage, ulong gpa) => (_filledPages ??= [])[(mode, linearPage)] = gpa & ~0xFFFUL;

    /// <summary>
    /// Checks that each entry of the TLB leads to where its guest-physical page is now, and that pages with a write tag may be written without
    /// anybody being told. What the guest's page tables say now is no invariant: the guest flushes when it wants its changes to count.
    /// </summary>
    /// <exception cref="InvariantException">It does not hold.</exception>
    [Conditional("DEBUG")]
    public void CheckTlb()
    {
        if (_filledPages is null)
        {
            return;
        }

        foreach (var ((mode, page), gpa) in _filledPages)
        {
            if (!TryFindEntry(mode, page, out var entry))
            {
                _filledPages.Remove((mode, page));
            }
            else if (!HostPageHolds(entry, page, gpa) && !WillHear())
            {
                throw new InvariantException($"The TLB has {page:X} ({mode}) at {entry.Page:X}, but its page {gpa:X} is elsewhere, or may not be written without a check.");
            }
        }
    }

    private bool HostPageHolds(TlbEntry entry, ulong page, ulong gpa) =>
        (nint)(entry.WriteTag == page ? Memory.PeekWritePage(gpa) : Memory.GetReadPage(gpa)) == entry.Page;

    private bool TryFindEntry(MmuMode mode, ulong page, out TlbEntry entry)
    {
        var slot = (int)(page >> 12) & (Tlb.EntryCount - 1);
        var own = Tlb.ForMode(mode) + slot;
        entry = own->IsOf(page) ? *own : Tlb.ForMode(mode)[slot ^ Tlb.Beside];
        return entry.Page != 0 && entry.IsOf(page);
    }

    /// <summary>Whether another thread changed the page and tells so: this processor drops the entry at its next boundary.</summary>
    public bool WillHear() => SpinWait.SpinUntil(() => HasEvents, s_kickPatience);
}
