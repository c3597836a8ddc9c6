using Vivarium.Memory;

namespace Vivarium.X86;

/// <summary>Locked read-modify-write accesses.</summary>
internal sealed unsafe partial class CpuCore
{
    /// <summary>This vCPU's part in revocation; null while the core is used without a <see cref="X86Cpu"/>.</summary>
    public RevocationParticipant? Revocation { get; set; }

    /// <summary>
    /// Host address for an atomic access of up to 16 bytes, or null with no fault recorded where it must be done under
    /// <see cref="BeginExclusive"/> instead: across pages, in MMIO, or on a page with translated code.
    /// </summary>
    public bool TryAtomicAddress(DecodedOp* op, int sizeBytes, out ulong linear, out byte* host)
    {
        host = null;
        if (!TryLinear(op, sizeBytes, PageAccess.Write, out linear))
        {
            return false;
        }

        if (!CheckAlignment(linear, sizeBytes, op->Segment))
        {
            return false;
        }

        host = CachedWrite(linear, sizeBytes);
        if (host != null)
        {
            return true;
        }

        if (!CheckCanonical(ref linear, sizeBytes, op->Segment) || !TryProbeWrite(linear, sizeBytes, out _, out _))
        {
            return false;
        }

        host = CachedWrite(linear, sizeBytes);
        return true;
    }

    /// <summary>Compares and exchanges at a host address; returns what was there.</summary>
    public static ulong CompareExchange<T>(byte* host, ulong value, ulong comparand)
        where T : unmanaged
    {
        // SAFETY: host came from a write tag. x64 hosts lock unaligned operands too.
        if (sizeof(T) == 1)
        {
            return Interlocked.CompareExchange(ref *host, (byte)value, (byte)comparand);
        }

        if (sizeof(T) == 2)
        {
            return Interlocked.CompareExchange(ref *(ushort*)host, (ushort)value, (ushort)comparand);
        }

        return sizeof(T) == 4
            ? Interlocked.CompareExchange(ref *(uint*)host, (uint)value, (uint)comparand)
            : Interlocked.CompareExchange(ref *(ulong*)host, value, comparand);
    }

    /// <summary>Stops the other vCPUs for an access that the host cannot make atomic.</summary>
    public void BeginExclusive()
    {
        if (Revocation is not null)
        {
            Memory.Revocation.BeginExclusive(Revocation);
        }
    }

    /// <summary>Lets the others go on.</summary>
    public void EndExclusive()
    {
        if (Revocation is not null)
        {
            Memory.Revocation.EndExclusive(Revocation);
        }
    }
}
