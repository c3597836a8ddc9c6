using Vivarium.Memory;

namespace Vivarium.X86.Tests;

/// <summary>Page tables of the lab's guest, which it can put back as they were: accessed and dirty bits are part of a case's outcome.</summary>
internal sealed class LabTables
{
    private const ulong Accessed = 1 << 5;
    private const int LegacyPointers = 3;

    private readonly GuestMemory _memory;
    private readonly Dictionary<ulong, ulong> _entries = [];
    private readonly Dictionary<(int Level, ulong Prefix), ulong> _tables = [];
    private readonly HashSet<ulong> _codeEntries = [];
    private readonly int _levels;
    private readonly (ulong Gpa, ulong Value)[] _all;
    private ulong _next;

    public LabTables(GuestMemory memory, bool is64, IReadOnlyList<LabPage> pages)
    {
        _memory = memory;
        _levels = is64 ? 4 : LegacyPointers;
        Root = is64 ? LabLayout.Tables64 : LabLayout.Tables32;
        _next = Root + 0x1000;
        foreach (var page in pages)
        {
            Map(page);
        }

        _all = [.. _entries.Select(entry => (entry.Key, entry.Value))];
    }

    public ulong Root { get; }

    public int Count => _all.Length;

    public ulong AddressOf(int index) => _all[index].Gpa;

    public void Reset()
    {
        foreach (var (gpa, value) in _all)
        {
            _memory.Write(gpa, value);
        }
    }

    /// <summary>The entries as they are now. The accessed bits above code are left out, for fetching ahead may set them.</summary>
    public void Read(Span<ulong> entries)
    {
        for (var i = 0; i < _all.Length; i++)
        {
            var value = _memory.Read<ulong>(_all[i].Gpa);
            entries[i] = _codeEntries.Contains(_all[i].Gpa) ? value & ~Accessed : value;
        }
    }

    private void Map(LabPage page)
    {
        var table = Root;
        for (var level = _levels; level > 1; level--)
        {
            var at = table + Index(page.Linear, level);
            if (!_tables.TryGetValue((level, page.Linear >> Shift(level)), out table))
            {
                table = _next;
                _next += 0x1000;
                _tables.Add((level, page.Linear >> Shift(level)), table);
                _entries.Add(at, table | (level == LegacyPointers && _levels == LegacyPointers ? LabPage.Present : LabPage.Present | LabPage.Writable | LabPage.User));
            }
        }

        var entry = table + Index(page.Linear, 1);
        _entries.Add(entry, page.Gpa | page.Flags);
        if ((page.Flags & LabPage.NoExecute) == 0)
        {
            _codeEntries.Add(entry);
        }
    }

    private static int Shift(int level) => 12 + (9 * (level - 1));

    private static ulong Index(ulong linear, int level) => ((linear >> Shift(level)) & 0x1FF) * 8;
}
