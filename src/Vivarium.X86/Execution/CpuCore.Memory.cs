using System.Runtime.CompilerServices;

namespace Vivarium.X86;

/// <summary>Reads and writes at linear addresses. The fast path is one comparison against the TLB.</summary>
internal sealed unsafe partial class CpuCore
{
    /// <summary>Reads 1, 2, 4 or 8 bytes, zero-extended. <paramref name="segment"/> decides #SS against #GP for a non-canonical address.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryRead<T>(ulong linear, int segment, out ulong value)
        where T : unmanaged
    {
        var entry = _tlb + ((linear >> 12) & (Tlb.EntryCount - 1));
        var offset = linear ^ entry->ReadTag;
        if (offset <= (ulong)(4096 - sizeof(T)))
        {
            // SAFETY: the tag matched, so the page is mapped for reading and the access ends within it.
            value = Width<T>.Read((byte*)entry->Page + offset);
            return true;
        }

        return TryReadSlow(linear, segment, sizeof(T), out value);
    }

    /// <summary>Writes 1, 2, 4 or 8 bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryWrite<T>(ulong linear, int segment, ulong value)
        where T : unmanaged
    {
        var entry = _tlb + ((linear >> 12) & (Tlb.EntryCount - 1));
        var offset = linear ^ entry->WriteTag;
        if (offset <= (ulong)(4096 - sizeof(T)))
        {
            // SAFETY: the tag matched, so the page is mapped for writing and the access ends within it.
            Width<T>.Write((byte*)entry->Page + offset, value);
            return true;
        }

        return TryWriteSlow(linear, segment, sizeof(T), value);
    }

    /// <summary>Host address of <paramref name="sizeBytes"/> readable bytes within one page, or null where only the slow path serves. No fault is recorded.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public byte* CachedRead(ulong linear, int sizeBytes)
    {
        var entry = _tlb + ((linear >> 12) & (Tlb.EntryCount - 1));
        var offset = linear ^ entry->ReadTag;
        return offset <= (ulong)(4096 - sizeBytes) ? (byte*)entry->Page + offset : null;
    }

    /// <summary>Host address of <paramref name="sizeBytes"/> writable bytes within one page, or null where only the slow path serves. No fault is recorded.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public byte* CachedWrite(ulong linear, int sizeBytes)
    {
        var entry = _tlb + ((linear >> 12) & (Tlb.EntryCount - 1));
        var offset = linear ^ entry->WriteTag;
        return offset <= (ulong)(4096 - sizeBytes) ? (byte*)entry->Page + offset : null;
    }

    /// <summary>Reads bytes with the rights of the current mode; all or nothing.</summary>
    public bool TryReadBytes(ulong linear, int segment, Span<byte> destination) => TryReadBytes(linear, segment, destination, _mode);

    /// <summary>Reads a system table with supervisor rights, whatever the CPL.</summary>
    public bool TryReadSystem<T>(ulong linear, out ulong value)
        where T : unmanaged
    {
        Unsafe.SkipInit(out ulong buffer);
        buffer = 0;
        var done = TryReadBytes(linear, (int)X86Segment.Ds, new Span<byte>(&buffer, sizeof(T)), MmuMode.Supervisor);
        value = buffer;
        return done;
    }

    /// <summary>Writes a system table with supervisor rights, whatever the CPL.</summary>
    public bool TryWriteSystem<T>(ulong linear, ulong value)
        where T : unmanaged => TryWriteBytes(linear, (int)X86Segment.Ds, new ReadOnlySpan<byte>(&value, sizeof(T)), MmuMode.Supervisor);

    /// <summary>Writes 1 to 8 bytes of a stack frame with the rights of <paramref name="mode"/>; a non-canonical address is #SS.</summary>
    public bool TryWriteAs(ulong linear, MmuMode mode, int sizeBytes, ulong value) =>
        TryWriteBytes(linear, (int)X86Segment.Ss, new ReadOnlySpan<byte>(&value, sizeBytes), mode);

    /// <summary>Writes bytes with the rights of the current mode; all or nothing.</summary>
    public bool TryWriteBytes(ulong linear, int segment, ReadOnlySpan<byte> source) => TryWriteBytes(linear, segment, source, _mode);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool TryReadSlow(ulong linear, int segment, int sizeBytes, out ulong value)
    {
        ulong buffer = 0;
        var done = CheckAlignment(linear, sizeBytes, segment) && TryReadBytes(linear, segment, new Span<byte>(&buffer, sizeBytes), _mode);
        value = buffer;
        return done;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool TryWriteSlow(ulong linear, int segment, int sizeBytes, ulong value) =>
        CheckAlignment(linear, sizeBytes, segment) && TryWriteBytes(linear, segment, new ReadOnlySpan<byte>(&value, sizeBytes), _mode);

    /// <summary>Checks that a byte of the memory operand could be read, without reading it: it may be a device's.</summary>
    public bool TryProbeRead(DecodedOp* op) =>
        TryLinear(op, 1, PageAccess.Read, out var linear)
        && CheckCanonical(ref linear, 1, op->Segment)
        && TryTranslateData(linear, PageAccess.Read, _mode, out _, out _, out _);

    /// <summary>Checks that a write of a part of the memory operand would succeed, without writing.</summary>
    public bool TryProbeWrite(DecodedOp* op, int offset, int sizeBytes) =>
        TryLinearAt(op, offset, sizeBytes, PageAccess.Write, out var linear)
        && CheckCanonical(ref linear, sizeBytes, op->Segment)
        && TryProbeWrite(linear, sizeBytes, out _, out _);

    /// <summary>
    /// Checks that a write of up to a page would succeed, as <see cref="TryWriteBytes(ulong, int, ReadOnlySpan{byte})"/> checks it. Gives where
    /// it would go: <paramref name="gpa2"/> is for the part on the second page, if there is one.
    /// </summary>
    private bool TryProbeWrite(ulong linear, int sizeBytes, out ulong gpa, out ulong gpa2)
    {
        gpa2 = 0;
        var first = Math.Min(sizeBytes, 4096 - (int)(linear & 0xFFF));
        if (!TryTranslateData(linear, PageAccess.Write, _mode, out gpa, out _, out var code))
        {
            return false;
        }

        code = code && Memory.HoldsCode(gpa, first);
        if (first != sizeBytes)
        {
            if (!TryTranslateData(WrapLinear(linear + (ulong)first), PageAccess.Write, _mode, out gpa2, out _, out var code2))
            {
                return false;
            }

            code |= code2 && Memory.HoldsCode(gpa2, sizeBytes - first);
        }

        if (code && !RunsAlone)
        {
            Pending = PendingKind.RunAlone;
            return false;
        }

        return !WaitsForWatch(linear, sizeBytes, PageAccess.Write);
    }

    /// <summary>
    /// #AC for a misaligned operand, if alignment is checked: 8 bytes for x87's 80 bits, nothing for vectors (Intel SDM Vol. 3A table 6-7).
    /// The fault of an address that is not canonical comes before it.
    /// </summary>
    private bool CheckAlignment(ulong linear, int sizeBytes, int segment)
    {
        var mask = sizeBytes switch { <= 8 => sizeBytes - 1, Float80.SizeBytes => 7, _ => 0 };
        return _mode != MmuMode.UserAligned || (linear & (ulong)mask) == 0
            || (CheckCanonical(ref linear, 1, segment) && Raise(ExceptionVector.AlignmentCheck));
    }

    private bool TryReadBytes(ulong linear, int segment, Span<byte> destination, MmuMode mode)
    {
        if (!CheckCanonical(ref linear, destination.Length, segment))
        {
            return false;
        }

        var first = Math.Min(destination.Length, 4096 - (int)(linear & 0xFFF));
        if (!TryTranslateData(linear, PageAccess.Read, mode, out var gpa, out var host, out _))
        {
            return false;
        }

        if (first == destination.Length)
        {
            if ((host == null && !CanReachOut()) || WaitsForWatch(linear, destination.Length, PageAccess.Read))
            {
                return false;
            }

            ReadPhysical(gpa, host, destination);
        }
        else
        {
            if (!TryTranslateData(WrapLinear(linear + (ulong)first), PageAccess.Read, mode, out var gpa2, out var host2, out _)
                || ((host == null || host2 == null) && !CanReachOut())
                || WaitsForWatch(linear, destination.Length, PageAccess.Read))
            {
                return false;
            }

            ReadPhysical(gpa, host, destination[..first]);
            ReadPhysical(gpa2, host2, destination[first..]);
        }

        NoteDataAccess(linear, destination.Length, PageAccess.Read);
        return true;
    }

    private bool TryWriteBytes(ulong linear, int segment, ReadOnlySpan<byte> source, MmuMode mode)
    {
        if (!CheckCanonical(ref linear, source.Length, segment))
        {
            return false;
        }

        var first = Math.Min(source.Length, 4096 - (int)(linear & 0xFFF));
        if (!TryTranslateData(linear, PageAccess.Write, mode, out var gpa, out var host, out var code))
        {
            return false;
        }

        var gpa2 = 0UL;
        byte* host2 = null;
        var code2 = false;
        if (first != source.Length && !TryTranslateData(WrapLinear(linear + (ulong)first), PageAccess.Write, mode, out gpa2, out host2, out code2))
        {
            return false;
        }

        var reachesOut = host == null || (first != source.Length && host2 == null);
        if ((reachesOut && !CanReachOut()) || WaitsForWatch(linear, source.Length, PageAccess.Write))
        {
            return false;
        }

        var target = new WriteTarget(gpa, host, code, gpa2, host2, code2);
        if (!TryWrite(target, source, first))
        {
            return false;
        }

        NoteDataAccess(linear, source.Length, PageAccess.Write);
        return true;
    }

    private ulong WrapLinear(ulong linear) => IsLongMode ? linear : (uint)linear;

    private bool CheckCanonical(ref ulong linear, int sizeBytes, int segment)
    {
        if (!IsLongMode)
        {
            linear = (uint)linear;
            return true;
        }

        return (IsCanonical(linear) && IsCanonical(linear + (ulong)sizeBytes - 1))
            || Raise(segment == (int)X86Segment.Ss ? ExceptionVector.StackFault : ExceptionVector.GeneralProtection);
    }
}
