using System.Buffers.Binary;
using Vivarium.Memory;
using Vivarium.X86;

namespace Vivarium.Fuzzing.Tests;

/// <summary>What the model expects of an access.</summary>
internal readonly record struct AccessOutcome(bool Succeeds, ExceptionVector Vector, uint ErrorCode, ulong Address, ulong Gpa, ulong SecondGpa, ulong Value, bool IsRam);

/// <summary>
/// A slow walk of page tables, level by level over the bytes in memory, written from the manual's tables alone (Intel SDM Vol. 3A §4.3 to §4.7).
/// It changes nothing.
/// </summary>
internal sealed unsafe class PageTableModel(GuestMemory memory, CpuState* state)
{
    public const ulong RootGpa = 0x1000;
    public const ulong DataGpa = 0x10_0000;
    public const int TableBytes = 0x9000;
    private readonly CpuState* _state = state;
    private readonly byte[] _now = new byte[TableBytes];

    /// <summary>0: 32-bit, 1: PAE, 2: four levels.</summary>
    public int Format { get; set; }

    public int Levels => Format == 2 ? 4 : 2;

    public int EntryBytes => Format == 0 ? 4 : 8;

    /// <summary>Two tables for each level below the root; PAE's directories are those of level 2.</summary>
    public static ulong TableGpa(int level, int number) => RootGpa + ((ulong)(((level == 4 ? 0 : level * 2) + number) & 7) << 12);

    public int Shift(int level) => 12 + ((level - 1) * (Format == 0 ? 10 : 9));

    /// <summary>An entry with bit 7 at this level leads to a table.</summary>
    public bool IsLargeImpossible(int level) => level == 4 || (Format == 0 && (_state->Cr4 & ControlBits.Cr4Pse) == 0);

    public void Write(ulong gpa, ulong value)
    {
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        memory.TryWrite(gpa, bytes[..EntryBytes]);
    }

    public AccessOutcome Predict(ulong linear, int sizeBytes, PageAccess access, CpuCore core)
    {
        if (Format == 2 && access != PageAccess.Fetch && (!IsCanonical(linear) || !IsCanonical(linear + (ulong)sizeBytes - 1)))
        {
            return new AccessOutcome { Vector = ExceptionVector.GeneralProtection };
        }

        var cpl = _state->Cpl;
        var noSmap = cpl == 3 || (_state->FlagSystem & Rflags.Ac) != 0;
        if (!Walk(linear, access, cpl, noSmap, out var first, out var code))
        {
            return new AccessOutcome { Vector = ExceptionVector.PageFault, ErrorCode = code, Address = linear };
        }

        var second = first;
        var split = (int)(linear & 0xFFF) + sizeBytes > 4096;
        var next = (linear & ~0xFFFUL) + 4096;
        next = Format == 2 ? next : (uint)next;
        if (split && !Walk(next, access, cpl, noSmap, out second, out code))
        {
            return new AccessOutcome { Vector = ExceptionVector.PageFault, ErrorCode = code, Address = next };
        }

        var outcome = new AccessOutcome
        {
            Succeeds = true,
            Gpa = first.Gpa,
            SecondGpa = split ? second.Gpa : first.Gpa + (4096 - (first.Gpa & 0xFFF)),
            IsRam = IsRam(first.Gpa) && (!split || IsRam(second.Gpa)),
        };
        return outcome with { Value = ReadValue(linear, outcome) };
    }

    /// <summary>What eight bytes read as; where no RAM is, all ones.</summary>
    public ulong ReadValue(ulong linear, AccessOutcome at)
    {
        Span<byte> bytes = stackalloc byte[8];
        bytes.Fill(0xFF);
        var first = Math.Min(8, 4096 - (int)(linear & 0xFFF));
        memory.TryRead(at.Gpa, bytes[..first]);
        memory.TryRead(at.SecondGpa, bytes[first..]);
        return BinaryPrimitives.ReadUInt64LittleEndian(bytes);
    }

    /// <summary>Sets the accessed and dirty bits of an access that succeeded in a copy of the tables.</summary>
    public void Mark(byte[] tables, ulong linear, int sizeBytes, bool isWrite)
    {
        foreach (var page in (ulong[])[linear, (linear + (ulong)sizeBytes - 1) & ~0xFFFUL])
        {
            Walk(Format == 2 ? page : (uint)page, PageAccess.Read, 0, true, out var walk, out _);
            for (var i = 0; i < walk.Count; i++)
            {
                tables[walk.Path[i]] |= (byte)(PageEntry.Accessed | (isWrite && i == walk.Count - 1 ? PageEntry.Dirty : 0));
            }
        }
    }

    /// <summary>Does what an access does to page tables that are mapped as data, on a copy of them in which its walk is marked; a read sees the marks.</summary>
    public AccessOutcome AccessTables(byte[] tables, ulong linear, AccessOutcome outcome, PageAccess access, ulong written)
    {
        var first = Math.Min(8, 4096 - (int)(linear & 0xFFF));
        Span<byte> value = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(value, access == PageAccess.Write ? written : outcome.Value);
        for (var i = 0; i < 8 && access != PageAccess.Fetch; i++)
        {
            var at = i < first ? outcome.Gpa + (ulong)i : outcome.SecondGpa + (ulong)(i - first);
            if (at >= TableBytes)
            {
                continue;
            }

            if (access == PageAccess.Write)
            {
                tables[at] = value[i];
            }
            else
            {
                value[i] = tables[at];
            }
        }

        return access == PageAccess.Read ? outcome with { Value = BinaryPrimitives.ReadUInt64LittleEndian(value) } : outcome;
    }

    public void AssertSame(byte[] expected, ulong ignored, string what)
    {
        var now = _now.AsSpan();
        memory.TryRead(0, now);
        if (ignored == 0 && now.SequenceEqual(expected))
        {
            return;
        }

        for (var at = 0; at < TableBytes; at += EntryBytes)
        {
            var difference = (ulong)(now[at] ^ expected[at]) & ~ignored;
            if (difference != 0 || !now[(at + 1)..(at + EntryBytes)].SequenceEqual(expected.AsSpan(at + 1, EntryBytes - 1)))
            {
                Assert.Fail($"{what}: the entry at {at:X} is not as it should be");
            }
        }
    }

    private static bool IsRam(ulong gpa) => gpa < 6UL << 20;

    private static bool IsCanonical(ulong linear) => (ulong)((long)(linear << 16) >> 16) == linear;

    private bool Walk(ulong linear, PageAccess access, uint cpl, bool noSmap, out Steps steps, out uint code)
    {
        steps = default;
        var hasNx = (_state->Efer & ControlBits.EferNxe) != 0 && Format != 0;
        code = (access == PageAccess.Write ? 2u : 0) | (cpl == 3 ? 4u : 0) | (access == PageAccess.Fetch && (hasNx || (_state->Cr4 & ControlBits.Cr4Smep) != 0) ? 16u : 0);
        var table = RootGpa;
        if (Format == 1)
        {
            var pointer = _state->Pdpte[linear >> 30 & 3];
            if ((pointer & 1) == 0)
            {
                return false;
            }

            table = pointer & ~0xFFFUL;
        }

        bool isWritable = true, isUser = true, isNoExecute = false;
        for (var level = Levels; ; level--)
        {
            var at = table + ((linear >> Shift(level) & (Format == 0 ? 0x3FFUL : 0x1FF)) * (ulong)EntryBytes);
            var entry = Format == 0 ? memory.Read<uint>(at) : memory.Read<ulong>(at);
            if ((entry & PageEntry.Present) == 0)
            {
                return false;
            }

            var isLarge = level is 2 or 3 && (entry & PageEntry.Large) != 0 && !IsLargeImpossible(level);
            if (IsReserved(entry, level, isLarge, hasNx))
            {
                code |= 1 | 8;
                return false;
            }

            steps.Path[steps.Count++] = (int)at;
            isWritable &= (entry & PageEntry.Writable) != 0;
            isUser &= (entry & PageEntry.User) != 0;
            isNoExecute |= Format != 0 && (entry & PageEntry.NoExecute) != 0;
            if (level == 1 || isLarge)
            {
                var offset = (1UL << Shift(level)) - 1;
                steps.Entry = entry;
                steps.Gpa = Format == 0 && isLarge
                    ? (entry & 0xFFC0_0000) | (entry >> 13 & 0xFF) << 32 | (linear & offset)
                    : (entry & 0x000F_FFFF_FFFF_F000 & ~offset) | (linear & offset);
                return IsAllowed(access, cpl, noSmap, entry, isWritable, isUser, isNoExecute, hasNx, ref code);
            }

            table = entry & 0x000F_FFFF_FFFF_F000;
        }
    }

    private bool IsReserved(ulong entry, int level, bool isLarge, bool hasNx)
    {
        if (Format == 0)
        {
            // Bits 20:13 of a 4 MiB page are address bits 39:32; bit 21 is reserved.
            return isLarge && (entry & 1 << 21) != 0;
        }

        var high = entry >> 40 & 0xFFF;
        return high != 0 || (!hasNx && entry >> 63 != 0) || (level == 4 && (entry & PageEntry.Large) != 0)
            || (Format == 1 && (entry >> 52 & 0x7FF) != 0)
            || (isLarge && (entry & ((1UL << Shift(level)) - 1) & ~0x1FFFUL) != 0);
    }

    private bool IsAllowed(PageAccess access, uint cpl, bool noSmap, ulong entry, bool isWritable, bool isUser, bool isNoExecute, bool hasNx, ref uint code)
    {
        var wp = (_state->Cr0 & ControlBits.Cr0Wp) != 0;
        var allowed = cpl == 3
            ? isUser && (access != PageAccess.Write || isWritable)
            : access switch
            {
                PageAccess.Fetch => !isUser || (_state->Cr4 & ControlBits.Cr4Smep) == 0,
                _ => (!isUser || noSmap || (_state->Cr4 & ControlBits.Cr4Smap) == 0) && (access == PageAccess.Read || isWritable || !wp),
            };
        allowed &= access != PageAccess.Fetch || !hasNx || !isNoExecute;
        code |= 1;
        if (Format == 2 && isUser && access != PageAccess.Fetch && (_state->Cr4 & ControlBits.Cr4Pke) != 0)
        {
            var rights = _state->Pkru >> (int)(entry >> 59 & 15) * 2;
            if ((rights & 1) != 0 || ((rights & 2) != 0 && access == PageAccess.Write && (cpl == 3 || wp)))
            {
                code |= 32;
                return false;
            }
        }

        return allowed;
    }

    private struct Steps
    {
        public EntryPath Path;
        public int Count;
        public ulong Entry;
        public ulong Gpa;
    }

    [System.Runtime.CompilerServices.InlineArray(4)]
    private struct EntryPath
    {
        private int _first;
    }
}
