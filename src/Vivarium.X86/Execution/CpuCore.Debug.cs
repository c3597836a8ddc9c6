namespace Vivarium.X86;

/// <summary>Debug registers' data breakpoints (Intel SDM Vol. 3B §18.2).</summary>
internal sealed unsafe partial class CpuCore
{
    private const ulong EnableBits = 0xFF;

    /// <summary>What a debugger watches, null if nothing.</summary>
    public DataWatches? Watches { get; set; }

    /// <summary>Whether any breakpoint is enabled in DR7.</summary>
    public bool HasBreakpoints => (State->Dr[7] & EnableBits) != 0;

    /// <summary>Whether the guest or a debugger watches the page: then it is not cached, so that every access is seen.</summary>
    private bool IsWatchedPage(ulong linear)
    {
        if (Watches is { } watches && watches.TouchesPage(linear))
        {
            return true;
        }

        if (!HasBreakpoints)
        {
            return false;
        }

        for (var i = 0; i < 4; i++)
        {
            if (IsEnabled(i) && Kind(i) is 1 or 3 && ((State->Dr[i] ^ linear) & ~0xFFFUL) == 0)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>
    /// Whether a debugger watches what is about to be accessed, so that the instruction must run alone: the processor stops behind it. Asked
    /// once the access is certain and has changed nothing.
    /// </summary>
    private bool WaitsForWatch(ulong linear, int sizeBytes, PageAccess access)
    {
        if (Watches is not { } watches || RunsAlone || !watches.Sees(linear, sizeBytes, access))
        {
            return false;
        }

        Pending = PendingKind.RunAlone;
        return true;
    }

    /// <summary>Records a trap, or a debugger's stop, for after the instruction if the access touches a watched range.</summary>
    private void NoteDataAccess(ulong linear, int sizeBytes, PageAccess access)
    {
        if (Watches is { } watches && watches.Note(linear, sizeBytes, access))
        {
            Post(CpuEvents.Look);
        }

        if (!HasBreakpoints)
        {
            return;
        }

        for (var i = 0; i < 4; i++)
        {
            var kind = Kind(i);
            if (IsEnabled(i) && (kind == 3 || (kind == 1 && access == PageAccess.Write)) && Overlaps(i, linear, sizeBytes))
            {
                State->PendingDebug |= 1u << i;
            }
        }
    }

    /// <summary>Records a trap for after the instruction if an I/O breakpoint watches the port (CR4.DE).</summary>
    public void NotePortAccess(ushort port, int sizeBytes)
    {
        if (!HasBreakpoints || (State->Cr4 & ControlBits.Cr4De) == 0)
        {
            return;
        }

        for (var i = 0; i < 4; i++)
        {
            if (IsEnabled(i) && Kind(i) == 2 && Overlaps(i, port, sizeBytes))
            {
                State->PendingDebug |= 1u << i;
            }
        }
    }

    /// <summary>The DR6 bits of instruction breakpoints at <paramref name="linear"/>.</summary>
    public uint InstructionBreakpoints(ulong linear)
    {
        var hits = 0u;
        for (var i = 0; i < 4; i++)
        {
            if (IsEnabled(i) && Kind(i) == 0 && State->Dr[i] == linear)
            {
                hits |= 1u << i;
            }
        }

        return hits;
    }

    private bool IsEnabled(int index) => (State->Dr[7] >> (index * 2) & 3) != 0;

    private int Kind(int index) => (int)(State->Dr[7] >> (16 + (index * 4))) & 3;

    private bool Overlaps(int index, ulong address, int sizeBytes)
    {
        var length = ((State->Dr[7] >> (18 + (index * 4))) & 3) switch { 0 => 1UL, 1 => 2UL, 2 => 8UL, _ => 4UL };
        var start = State->Dr[index] & ~(length - 1);
        return address < start + length && start < address + (ulong)sizeBytes;
    }
}
