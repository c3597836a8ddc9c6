using Vivarium.Memory;
using Vivarium.X86;

namespace Vivarium.Fuzzing.Tests;

/// <summary>
/// Random page tables in all three formats and accesses through the TLB, against <see cref="PageTableModel"/>: values, faults with their codes
/// and addresses, accessed and dirty bits. Entries are changed as a guest must do it, with the pages flushed behind.
/// </summary>
/// <param name="isBroken">A page is not flushed if it is global.</param>
internal sealed unsafe class PageTableTarget(bool isBroken) : FuzzTarget
{
    /// <summary>RAM; beyond it nothing answers.</summary>
    private const ulong MemoryBytes = 6UL << 20;
    private const int MaxSteps = 256;
    private static readonly ulong[] s_indices = [0, 1, 2, 256, 511];
    private static readonly ulong[] s_flags =
    [
        PageEntry.Present, PageEntry.Writable, PageEntry.User, PageEntry.Accessed, PageEntry.Dirty, PageEntry.Large, PageEntry.Global, PageEntry.NoExecute, 1UL << 59, 1UL << 62, 1UL << 51, 1UL << 13,
    ];

    private readonly GuestMemory _memory = CreateMemory();
    private readonly byte[] _before = new byte[PageTableModel.TableBytes];

    public override IReadOnlyList<byte[]> Seeds { get; } = [.. Enumerable.Range(0, 3).SelectMany(format => Enumerable.Range(0, 4).Select(which => Seed(format, which)))];

    public override void Execute(ReadOnlySpan<byte> input, Features reached)
    {
        for (var gpa = 0UL; gpa < PageTableModel.TableBytes; gpa += 4096)
        {
            _memory.TryWrite(gpa, new byte[4096]);
        }

        using var cpu = new X86Cpu(new X86CpuOptions { Memory = _memory });
        var core = cpu.Core;
        var choices = new FuzzInput(input);
        var model = new PageTableModel(_memory, core.State);
        SetMode(ref choices, core, model);
        for (var step = 0; !choices.IsEmpty && step < MaxSteps; step++)
        {
            switch (choices.Below(8))
            {
                case 0 or 1 or 2:
                    SetEntry(ref choices, core, model);
                    break;
                case 3:
                    core.State->Cpl = choices.Below(2) == 0 ? 0u : 3u;
                    core.State->FlagSystem = (core.State->FlagSystem & ~Rflags.Ac) | (choices.Below(2) == 0 ? 0u : Rflags.Ac);
                    core.UpdateMode();
                    break;
                default:
                    Access(ref choices, core, model, reached);
                    break;
            }
        }
    }

    public override void Dispose() => _memory.Dispose();

    private static void SetMode(ref FuzzInput choices, CpuCore core, PageTableModel model)
    {
        var s = core.State;
        model.Format = choices.Below(3);
        var bits = choices.U16();
        ulong If(int bit, ulong value) => (bits >> bit & 1) != 0 ? value : 0;
        s->Cr0 = ControlBits.Cr0Pe | ControlBits.Cr0Pg | If(0, ControlBits.Cr0Wp);
        s->Cr4 = (model.Format == 0 ? If(1, ControlBits.Cr4Pse) : ControlBits.Cr4Pae) | If(2, ControlBits.Cr4Pge) | If(3, ControlBits.Cr4Smep) | If(4, ControlBits.Cr4Smap) | If(5, ControlBits.Cr4Pke);
        s->Efer = (model.Format == 2 ? ControlBits.EferLme | ControlBits.EferLma : 0) | If(6, ControlBits.EferNxe);
        s->Pkru = choices.U8();
        s->Cr3 = PageTableModel.RootGpa;
        s->Cs.Attributes = model.Format == 2 ? s->Cs.Attributes | SegmentRegister.Long : (s->Cs.Attributes & ~SegmentRegister.Long) | SegmentRegister.Default32;
        for (var i = 0; i < 4; i++)
        {
            s->Pdpte[i] = model.Format == 1 ? PageTableModel.TableGpa(2, i % 2) | (i == 2 ? 0 : PageEntry.Present) : 0;
        }

        core.FlushTlb();
        core.UpdateMode();
    }

    private void SetEntry(ref FuzzInput choices, CpuCore core, PageTableModel model)
    {
        var level = choices.Below(model.Levels) + 1;
        var table = PageTableModel.TableGpa(level, level == model.Levels ? 0 : choices.Below(2));
        var index = s_indices[choices.Below(s_indices.Length)];
        var flags = choices.U16();
        // Most entries are present, and most reserved bits clear, as otherwise little happens.
        var value = PageEntry.Present;
        for (var i = 0; i < s_flags.Length; i++)
        {
            value ^= (flags >> i & 1) != 0 ? s_flags[i] : 0;
        }

        var isLeaf = level == 1 || (value & PageEntry.Large) != 0;
        var frame = choices.Below(8);
        value |= !isLeaf ? PageTableModel.TableGpa(level - 1, frame % 2)
            : level == 1 ? PageTableModel.DataGpa + ((ulong)frame << 12)
            : model.Format == 0 ? (ulong)(frame + 1) << 22 : level == 2 ? (ulong)(frame + 1) << 21 : (ulong)(frame + 1) << 30;
        if (isLeaf && level > 1 && model.IsLargeImpossible(level))
        {
            // Without large pages the entry leads to a table.
            value = (value & 0x8000_0000_0000_0FFF) | PageTableModel.TableGpa(level - 1, frame % 2);
        }

        model.Write(table + (index * (ulong)model.EntryBytes), value);
        if (isBroken)
        {
            core.FlushTlb(keepGlobal: true);
            return;
        }

        foreach (var page in Pages(model))
        {
            core.FlushPage(page);
        }
    }

    private void Access(ref FuzzInput choices, CpuCore core, PageTableModel model, Features reached)
    {
        var linear = Linear(model, choices.U16());
        linear += (ulong)(choices.Below(4) == 0 ? 4096 - choices.Below(8) : choices.Below(64) * 8);
        linear = model.Format == 2 ? linear : (uint)linear;
        var kind = (PageAccess)choices.Below(3);
        var expected = model.Predict(linear, kind == PageAccess.Fetch ? 1 : 8, kind, core);
        var written = 0x0101_0101_0101_0101UL * (linear >> 12 & 0xFF);
        _memory.TryRead(0, _before);
        if (expected.Succeeds)
        {
            // The bits of the walk come before the access, which may be to an entry of the walk itself.
            model.Mark(_before, linear, kind == PageAccess.Fetch ? 1 : 8, kind == PageAccess.Write);
            expected = model.AccessTables(_before, linear, expected, kind, written);
        }

        core.Pending = PendingKind.None;
        ulong value = 0;
        var done = kind switch
        {
            PageAccess.Read => core.TryRead<ulong>(linear, (int)X86Segment.Ds, out value),
            PageAccess.Write => core.TryWrite<ulong>(linear, (int)X86Segment.Ds, written),
            _ => core.TryTranslateFetch(linear, out value),
        };
        var what = $"{kind} of {linear:X} in format {model.Format}, CPL {core.State->Cpl}";
        reached.Note(model.Format, ((int)kind << 16) | (done ? 1 << 12 : 0) | ((int)expected.ErrorCode << 4) | ((int)core.State->Cpl & 1));
        Assert.True(expected.Succeeds == done, $"{what}: expected {expected}, got {done}, #PF({core.FaultErrorCode:X})");
        if (!done)
        {
            Assert.True(core.FaultVector == expected.Vector && (expected.Vector != ExceptionVector.PageFault || (core.FaultErrorCode == expected.ErrorCode && core.State->Cr2 == expected.Address)),
                $"{what}: expected {expected}, got {core.FaultVector} ({core.FaultErrorCode:X}) at {core.State->Cr2:X}");
            core.Pending = PendingKind.None;
            // Which accessed bits a faulting access sets on its way is the processor's choice.
            model.AssertSame(_before, PageEntry.Accessed | PageEntry.Dirty, what);
            return;
        }

        model.AssertSame(_before, 0, what);
        if (kind == PageAccess.Write && (expected.Gpa < PageTableModel.TableBytes || expected.SecondGpa < PageTableModel.TableBytes))
        {
            // Like any other change of an entry.
            core.FlushTlb();
        }

        if (kind == PageAccess.Fetch)
        {
            Assert.True(value == expected.Gpa, $"{what}: expected {expected.Gpa:X}, got {value:X}");
        }
        else if (kind == PageAccess.Read)
        {
            Assert.True(value == expected.Value, $"{what}: expected {expected.Value:X}, got {value:X}");
        }
        else
        {
            Assert.True(model.ReadValue(linear, expected) == (expected.IsRam ? written : ulong.MaxValue), $"{what}: was not written where it should be");
        }
    }

    private static ulong Linear(PageTableModel model, ushort choice)
    {
        var linear = 0UL;
        for (var level = 1; level <= model.Levels; level++, choice /= 5)
        {
            linear |= (s_indices[choice % 5] & (model.Format == 0 ? 0x3FFUL : 0x1FF)) << model.Shift(level);
        }

        if (model.Format == 1)
        {
            linear |= (ulong)(choice & 3) << 30;
        }

        return model.Format == 2 ? (ulong)((long)(linear << 16) >> 16) : (uint)linear;
    }

    private static IEnumerable<ulong> Pages(PageTableModel model)
    {
        var count = model.Levels == 4 ? 625 : model.Format == 1 ? 100 : 25;
        for (var i = 0; i < count; i++)
        {
            yield return Linear(model, (ushort)i);
            // An access may run into the next page.
            yield return Linear(model, (ushort)i) + 4096;
        }
    }

    private static GuestMemory CreateMemory()
    {
        var memory = new GuestMemory();
        memory.AddRam(0, MemoryBytes);
        for (var gpa = PageTableModel.DataGpa; gpa < MemoryBytes; gpa += 8)
        {
            memory.Write(gpa, gpa * 0x9E37_79B9_7F4A_7C15);
        }

        return memory;
    }

    /// <summary>A page at address 0 that is read, written, executed, and written again by a user; then its neighbour is mapped elsewhere, and it is read once more.</summary>
    private static byte[] Seed(int format, int which)
    {
        var levels = format + 2 - (format == 2 ? 0 : format == 1 ? 1 : 0);
        var bytes = new List<byte> { (byte)format, (byte)(which * 37), (byte)which, 0 };
        for (var level = 1; level <= levels; level++)
        {
            bytes.AddRange([0, (byte)(level - 1), .. level == levels ? Array.Empty<byte>() : [0], 0, (byte)(which == 1 ? 0x46 : 6), 0, 0]);
        }

        byte[] accesses = [4, 0, 0, 1, 0, 0, 4, 0, 0, 1, 0, 1, 4, 0, 0, 1, 0, 2, 3, 1, 0, 4, 0, 0, 1, 3, 1];
        byte[] neighbour = [0, 0, 0, 1, (byte)(which == 1 ? 0x46 : 6), 0, 3, 3, 0, 0, 4, 0, 0, 1, 0, 0];
        return [.. bytes, .. accesses, .. neighbour];
    }
}
