namespace Vivarium.X86;

/// <summary>Checks and commits a new CS with an instruction pointer.</summary>
internal static unsafe class CodeSegment
{
    /// <summary>Reads and checks a code descriptor for a far transfer that does not change privilege (Intel SDM Vol. 3A §5.8.1).</summary>
    public static bool TryReadForTransfer(CpuCore c, ushort selector, out SegmentDescriptor descriptor)
    {
        descriptor = default;
        if (DescriptorTables.IsNull(selector))
        {
            return c.RaiseGp();
        }

        return DescriptorTables.TryRead(c, selector, out descriptor);
    }

    /// <summary>The rights of a direct far JMP or CALL to a code segment.</summary>
    public static bool CheckDirect(CpuCore c, ushort selector, in SegmentDescriptor descriptor)
    {
        var cpl = (int)c.State->Cpl;
        var code = DescriptorTables.ErrorCode(selector);
        var permitted = descriptor.IsConforming ? descriptor.Dpl <= cpl : descriptor.Dpl == cpl && (selector & 3) <= cpl;
        if (!permitted || (c.IsLongMode && descriptor.IsLong && descriptor.IsDefault32))
        {
            return c.RaiseGp(code);
        }

        return descriptor.IsPresent || c.Raise(ExceptionVector.SegmentNotPresent, code);
    }

    /// <summary>Whether the target lies within the segment, or is canonical in 64-bit code. Records #GP(0).</summary>
    public static bool CheckTarget(CpuCore c, in SegmentDescriptor descriptor, ulong target)
    {
        var inRange = c.IsLongMode && descriptor.IsLong ? (ulong)((long)(target << 16) >> 16) == target : target <= descriptor.Limit;
        return inRange || c.RaiseGp();
    }

    /// <summary>Sets the accessed bit and loads CS at privilege <paramref name="cpl"/>, and RIP.</summary>
    public static bool TryCommit(CpuCore c, ushort selector, SegmentDescriptor descriptor, int cpl, ulong target)
    {
        if (!DescriptorTables.TrySetAccessed(c, selector, ref descriptor))
        {
            return false;
        }

        Commit(c, selector, descriptor, cpl, target);
        return true;
    }

    /// <summary>Loads CS and RIP; the accessed bit has been set.</summary>
    public static void Commit(CpuCore c, ushort selector, in SegmentDescriptor descriptor, int cpl, ulong target)
    {
        var s = c.State;
        s->Cs = descriptor.ToRegister((ushort)((selector & 0xFFFC) | cpl));
        s->Cpl = (uint)cpl;
        s->Rip = target;
        c.UpdateMode();
    }

    /// <summary>Loads CS:IP as real-address and virtual-8086 mode do.</summary>
    public static bool TryCommitReal(CpuCore c, ushort selector, ulong target)
    {
        if (target > c.State->Cs.Limit)
        {
            return c.RaiseGp();
        }

        SegmentLoader.LoadReal(c, X86Segment.Cs, selector);
        c.State->Rip = target;
        return true;
    }
}
