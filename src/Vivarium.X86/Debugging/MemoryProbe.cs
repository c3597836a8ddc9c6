using Vivarium.Memory;

namespace Vivarium.X86;

/// <summary>
/// Guest memory as a debugger sees it: through the page tables of the processor, with no regard for rights and no effect: no accessed or dirty
/// bits, no TLB, no device is read or written (Intel SDM Vol. 3A chapter 4). The processor must be parked.
/// </summary>
internal sealed unsafe class MemoryProbe(CpuCore core)
{
    /// <summary>Translates a linear address; false if no page is there.</summary>
    public bool TryTranslate(ulong linear, out ulong gpa)
    {
        var s = core.State;
        linear = core.IsLongMode ? linear : (uint)linear;
        if ((s->Cr0 & ControlBits.Cr0Pg) == 0)
        {
            gpa = linear & core.AddressMask;
            return true;
        }

        var found = core.IsLongMode ? WalkLong(linear, out gpa)
            : (s->Cr4 & ControlBits.Cr4Pae) != 0 ? WalkPae(linear, out gpa)
            : WalkLegacy(linear, out gpa);
        gpa &= core.AddressMask;
        return found;
    }

    /// <summary>Reads as much as there is from the start on; returns how many bytes that is.</summary>
    public int Read(ulong linear, Span<byte> destination)
    {
        var done = 0;
        while (done < destination.Length)
        {
            var length = Math.Min(destination.Length - done, GuestMemory.PageSize - (int)(linear & 0xFFF));
            if (!TryTranslate(linear, out var gpa) || !core.Memory.TryRead(gpa, destination.Slice(done, length)))
            {
                break;
            }

            done += length;
            linear += (ulong)length;
        }

        return done;
    }

    /// <summary>Writes RAM; false, and the bytes before it written, at the first that is none.</summary>
    public bool TryWrite(ulong linear, ReadOnlySpan<byte> source)
    {
        while (!source.IsEmpty)
        {
            var length = Math.Min(source.Length, GuestMemory.PageSize - (int)(linear & 0xFFF));
            if (!TryTranslate(linear, out var gpa) || !core.Memory.TryWrite(gpa, source[..length]))
            {
                return false;
            }

            source = source[length..];
            linear += (ulong)length;
        }

        return true;
    }

    private static bool IsCanonical(ulong linear) => (ulong)((long)(linear << 16) >> 16) == linear;

    private bool Walk64(ulong table, int level, ulong linear, out ulong gpa)
    {
        while (true)
        {
            var shift = 12 + ((level - 1) * 9);
            gpa = 0;
            if (!core.Memory.TryRead<ulong>((table + (((linear >> shift) & 0x1FF) * 8)) & core.AddressMask, out var entry) || (entry & PageEntry.Present) == 0)
            {
                return false;
            }

            if (level == 1 || (level <= 3 && (entry & PageEntry.Large) != 0))
            {
                var offsetMask = (1UL << shift) - 1;
                gpa = (entry & PageEntry.FrameMask & ~offsetMask) | (linear & offsetMask);
                return true;
            }

            table = entry & PageEntry.FrameMask;
            level--;
        }
    }

    private bool WalkLong(ulong linear, out ulong gpa)
    {
        gpa = 0;
        return IsCanonical(linear) && Walk64(core.State->Cr3 & PageEntry.FrameMask, 4, linear, out gpa);
    }

    private bool WalkPae(ulong linear, out ulong gpa)
    {
        var pointer = core.State->Pdpte[(linear >> 30) & 3];
        gpa = 0;
        return (pointer & PageEntry.Present) != 0 && Walk64(pointer & PageEntry.FrameMask, 2, linear, out gpa);
    }

    private bool WalkLegacy(ulong linear, out ulong gpa)
    {
        gpa = 0;
        var s = core.State;
        if (!core.Memory.TryRead<uint>(((s->Cr3 & 0xFFFFF000) + (((linear >> 22) & 0x3FF) * 4)) & core.AddressMask, out var directory)
            || (directory & PageEntry.Present) == 0)
        {
            return false;
        }

        if ((directory & PageEntry.Large) != 0 && (s->Cr4 & ControlBits.Cr4Pse) != 0)
        {
            gpa = (directory & 0xFFC00000UL) | (((ulong)directory >> 13 & 0xFF) << 32) | (linear & 0x3FFFFF);
            return true;
        }

        if (!core.Memory.TryRead<uint>(((directory & 0xFFFFF000UL) + (((linear >> 12) & 0x3FF) * 4)) & core.AddressMask, out var entry)
            || (entry & PageEntry.Present) == 0)
        {
            return false;
        }

        gpa = (entry & 0xFFFFF000UL) | (linear & 0xFFF);
        return true;
    }
}
