using static Vivarium.X86.HostRegister;

namespace Vivarium.X86;

/// <content>
/// Lookups of hot code: each has an entry of its own with the page it met last. It is two instructions shorter than a lookup in the TLB, and
/// the address of the page does not wait for that of the access.
/// </content>
internal sealed unsafe partial class BlockTranslator
{
    private readonly List<SiteMiss> _siteMisses = [];

    /// <summary>The entry of an access of instruction <paramref name="i"/>, or <see cref="SiteTable.None"/>.</summary>
    private int SiteOf(int i, int sizeBytes, bool writes) =>
        _cache.Sites.EntryOf(new SiteKey(new BlockKey(_run.Gpa, _run.SecondPageGpa, _mode), _run.PlaceOf(i), sizeBytes, writes));

    /// <summary>Whether another access of the instruction has an entry: its record names one alone.</summary>
    private bool HasSite(int i) => _records[i] >= 0 && _cache.Record(_records[i])->Site != SiteTable.None;

    private static HostOperand SiteField(int site, int offset) => HostOperand.State(VcpuMemory.SiteTlbOffset + (site * sizeof(SiteEntry)) + offset);

    private static HostOperand SiteHistoryField(int site, int offset) => HostOperand.State(VcpuMemory.SiteTlbOffset + SiteTlb.HistoryOffset + (site * sizeof(SiteHistory)) + offset);

    private static HostOperand SiteListField(int offset) => HostOperand.State(VcpuMemory.SiteTlbOffset + offset);

    /// <summary>As <see cref="Lookup"/>.</summary>
    private HostOperand LookupAtSite(int site, int i, in FlagRecovery flags, int sizeBytes, bool writes, bool isAligned, bool keepsData)
    {
        _a.AluLoad(8, 6, Address, SiteField(site, SiteEntry.TagOffset));
        _a.Alu(8, 7, Address, 4096 - sizeBytes);
        var miss = _a.JumpIf(7);
        _siteMisses.Add(new SiteMiss
        {
            Jump = miss,
            Resume = _a.Position,
            Site = site,
            Instruction = i,
            Mode = AccessMode,
            Path = _slowPaths.Count,
            SizeBytes = sizeBytes,
            Writes = writes,
        });

        // The jumps of a miss come later.
        AddSlowPath(i, flags, isAligned ? EmitAlignmentTest(sizeBytes) : null, null);
        var record = _cache.Record(_records[i]);
        record->Site = (short)site;
        record->SiteBytes = (byte)sizeBytes;
        if (keepsData)
        {
            _a.Load(8, Data, SiteField(site, SiteEntry.PageOffset));
            return new HostOperand(Address, Data, 0, 0);
        }

        _a.AluLoad(8, 0, Address, SiteField(site, SiteEntry.PageOffset));
        return new HostOperand(Address, 0);
    }

    private void EmitSiteMisses()
    {
        foreach (var miss in _siteMisses)
        {
            EmitSiteMiss(miss);
        }
    }

    /// <summary>
    /// The address is had again from the offset and the tag. If the TLB has the page its entry is copied; the host's stack is the third
    /// temporary. An entry that was empty is put into the list of those to be emptied at a flush.
    /// </summary>
    private void EmitSiteMiss(in SiteMiss miss)
    {
        Parts?.Add(CodePart.SiteMiss, miss.Instruction, _a.Position);
        _a.Bind(miss.Jump);
        _a.AluLoad(8, 6, Address, SiteField(miss.Site, SiteEntry.TagOffset));
        var compared = EmitTlbTest(miss.Mode, miss.SizeBytes, miss.Writes);
        var table = TlbEntry.TableOf(miss.Mode);
        var absent = _a.JumpIf(7);
        _a.Add8(SiteHistoryField(miss.Site, SiteHistory.MissesOffset), 1);
        var often = _a.JumpIf(2);
        _a.Compare8(SiteHistoryField(miss.Site, SiteHistory.IsFilledOffset), 0);
        var isListed = _a.JumpIf(5);
        _a.Push(Data);
        _a.Load(4, Data, SiteListField(SiteTlb.FilledCountOffset));
        _a.StoreImmediate(4, new HostOperand(State, Data, 2, VcpuMemory.SiteTlbOffset + SiteTlb.FilledOffset), miss.Site);
        _a.Alu(4, 0, SiteListField(SiteTlb.FilledCountOffset), 1);
        _a.Pop(Data);
        _a.StoreImmediate8(SiteHistoryField(miss.Site, SiteHistory.IsFilledOffset), 1);
        _a.Bind(isListed);
        _a.PushMemory(new HostOperand(State, Data, 0, table + (miss.Writes ? TlbEntry.WriteTagOffset : TlbEntry.ReadTagOffset)));
        _a.PopMemory(SiteField(miss.Site, SiteEntry.TagOffset));
        _a.PushMemory(new HostOperand(State, Data, 0, table + TlbEntry.PageOffset));
        _a.PopMemory(SiteField(miss.Site, SiteEntry.PageOffset));
        _a.Jump(miss.Resume);
        _slowPaths[miss.Path] = _slowPaths[miss.Path] with { Second = often };
        NoteMiss(miss.Path, new TlbMiss(absent, compared, miss.Mode, miss.Writes));
    }
}
