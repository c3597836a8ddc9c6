using System.Runtime.InteropServices;

namespace Vivarium.X86;

/// <summary>
/// Where an instruction pointer led last time. The table lies in the engine's part of <see cref="VcpuMemory"/>. An entry is at its place or, if
/// another came there later, beside it.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal struct JumpCacheEntry
{
    public const int Count = 1 << CountBits;

    /// <summary>2³² divided by the golden ratio: the upper bits of a product differ where any of the address do (Knuth, The Art of Computer Programming Vol. 3 §6.4).</summary>
    public const int HashFactor = unchecked((int)0x9E3779B9);

    /// <summary>What takes the bits of the product that are the index to where they are an entry's offset.</summary>
    public const int HashShift = 32 - CountBits - SizeShift;
    public const int SizeShift = 5;
    public const int RipOffset = 0;
    public const int ContextOffset = 8;
    public const int CodeOffset = 16;
    public const int PageOffset = 24;
    private const int CountBits = 14;

    public ulong Rip;

    /// <summary>The context it holds in; 0 for none.</summary>
    public ulong Context;

    /// <summary>Host address of the code.</summary>
    public nint Code;

    /// <summary>What <see cref="CpuState.RipPage"/> becomes.</summary>
    public ulong RipPage;

    /// <summary>From the state to the table.</summary>
    public static int TableOffset => VcpuMemory.EngineTablesOffset;

    /// <summary>The entry of an instruction pointer in a context, or null.</summary>
    public static unsafe JumpCacheEntry* Find(JumpCacheEntry* table, ulong rip, ulong context)
    {
        var entry = table + IndexOf(rip);
        if (entry->Is(rip, context))
        {
            return entry;
        }

        entry = table + (IndexOf(rip) ^ 1);
        return entry->Is(rip, context) ? entry : null;
    }

    /// <summary>
    /// Takes an entry in. What was at its place goes beside if it is there by right, unless it would drive out another that is: one that nobody
    /// wants any more would go to and fro between two that do.
    /// </summary>
    public static unsafe void Put(JumpCacheEntry* table, in JumpCacheEntry entry)
    {
        var index = IndexOf(entry.Rip);
        var (place, beside) = (table[index], table[index ^ 1]);
        if (beside.Is(entry.Rip, entry.Context))
        {
            table[index ^ 1] = default;
        }
        else if (!place.Is(entry.Rip, entry.Context) && place.IsAt(index)
            && !(beside.IsAt(index ^ 1) && (beside.Context == entry.Context || beside.Context == place.Context)))
        {
            table[index ^ 1] = place;
        }

        table[index] = entry;
    }

    private readonly bool IsAt(int index) => Context != 0 && IndexOf(Rip) == index;

    private readonly bool Is(ulong rip, ulong context) => Rip == rip && Context == context;

    /// <summary>The place for an instruction pointer.</summary>
    private static int IndexOf(ulong rip) => (int)(unchecked((uint)rip * (uint)HashFactor) >> (HashShift + SizeShift));
}
