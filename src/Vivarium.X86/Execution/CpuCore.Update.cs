using System.Runtime.CompilerServices;

namespace Vivarium.X86;

/// <content>
/// Read-modify-write: the address is translated once, to write, and both halves go where that led (Intel SDM Vol. 3A §4.10.1: a processor may
/// use a translation for as long as an instruction runs). Were it translated for each half, a page that is remapped between them would have what
/// was read at one place written to another.
/// </content>
internal sealed unsafe partial class CpuCore
{
    /// <summary>Where the operand that was read last by the slow path is; its size is 0 if it was written or there is none.</summary>
    private UpdatePlace _update;

    /// <summary>
    /// Reads the operand of a read-modify-write: the page must be writable first, so that a fault is a write's and nothing was read
    /// from a device in vain. <see cref="TryWriteUpdate"/> writes it.
    /// </summary>
    public bool TryReadForWrite<T>(ulong linear, int segment, out ulong value)
        where T : unmanaged
    {
        ulong buffer = 0;
        var done = TryReadForWrite(linear, segment, new Span<byte>(&buffer, sizeof(T)));
        value = buffer;
        return done;
    }

    /// <summary>Reads the operand of a read-modify-write, through the write tag if there is one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryReadForUpdate<T>(ulong linear, int segment, out ulong value)
        where T : unmanaged
    {
        var host = CachedWrite(linear, sizeof(T));
        if (host != null)
        {
            value = Width<T>.Read(host);
            return true;
        }

        return TryReadForWrite<T>(linear, segment, out value);
    }

    /// <summary>
    /// Writes the operand that <see cref="TryReadForUpdate"/> or <see cref="TryReadForWrite"/> has just read, to where it was read. False only if
    /// the instruction must run alone: then it begins anew.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryWriteUpdate<T>(ulong linear, int segment, ulong value)
        where T : unmanaged
    {
        var host = CachedWrite(linear, sizeof(T));
        if (host != null)
        {
            Width<T>.Write(host, value);
            return true;
        }

        return TryWriteUpdateSlow(linear, segment, sizeof(T), value);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool TryReadForWrite(ulong linear, int segment, Span<byte> destination)
    {
        var size = destination.Length;
        _update.SizeBytes = 0;
        if (!CheckAlignment(linear, size, segment) || !CheckCanonical(ref linear, size, segment) || !TryProbeWrite(linear, size, out var gpa, out var gpa2))
        {
            return false;
        }

        var first = Math.Min(size, 4096 - (int)(linear & 0xFFF));
        var host = ReadHost(gpa);
        if (((host == null || (first != size && ReadHost(gpa2) == null)) && !CanReachOut()) || WaitsForWatch(linear, size, PageAccess.Read))
        {
            return false;
        }

        _update = new UpdatePlace(linear, gpa, gpa2, size);
        ReadPhysical(gpa, host, destination[..first]);
        if (first != size)
        {
            // Looked up again, as a device's answer is waited for outside of all boundaries.
            ReadPhysical(gpa2, ReadHost(gpa2), destination[first..]);
        }

        NoteDataAccess(linear, size, PageAccess.Read);
        return true;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool TryWriteUpdateSlow(ulong linear, int segment, int sizeBytes, ulong value)
    {
        var place = _update;
        _update.SizeBytes = 0;
        if (place.SizeBytes != sizeBytes || place.Linear != WrapLinear(linear))
        {
            // It was read through a write tag.
            return TryWriteSlow(linear, segment, sizeBytes, value);
        }

        var source = new ReadOnlySpan<byte>(&value, sizeBytes);
        var first = Math.Min(sizeBytes, 4096 - (int)(linear & 0xFFF));
        byte* host2 = null;
        var code2 = false;
        if (first != sizeBytes)
        {
            host2 = WriteHost(place.Gpa2, out code2);
        }

        // Last, as the other's may have been moved meanwhile; and another processor may have translated code there since it was read.
        var host = WriteHost(place.Gpa, out var code);
        if (!TryWrite(new WriteTarget(place.Gpa, host, code, place.Gpa2, host2, code2), source, first))
        {
            return false;
        }

        NoteDataAccess(place.Linear, sizeBytes, PageAccess.Write);
        return true;
    }

    private byte* ReadHost(ulong gpa)
    {
        var page = Memory.GetReadPage(gpa);
        return page == null ? null : page + (gpa & 0xFFF);
    }

    private byte* WriteHost(ulong gpa, out bool code)
    {
        var page = Memory.GetWritePage(gpa, out var cacheable);
        code = page != null && !cacheable;
        return page == null ? null : page + (gpa & 0xFFF);
    }

    private struct UpdatePlace(ulong linear, ulong gpa, ulong gpa2, int sizeBytes)
    {
        public readonly ulong Linear = linear;
        public readonly ulong Gpa = gpa;
        public readonly ulong Gpa2 = gpa2;
        public int SizeBytes = sizeBytes;
    }
}
