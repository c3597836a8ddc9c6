using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Vivarium.X86;

/// <summary>
/// VGATHER and VPGATHER (Intel SDM Vol. 2C). Elements arrive from the lowest on, and each clears its part of the mask, so that a fault
/// keeps what has arrived and the restart goes on from there. Alignment is never checked.
/// </summary>
internal static unsafe class GatherHandlers
{
    /// <summary>Gathers <typeparamref name="T"/> (uint or ulong) at indices <typeparamref name="TIndex"/> (int or long).</summary>
    public static bool Gather<T, TIndex, TLength>(CpuCore core, DecodedOp* op)
        where T : unmanaged
        where TIndex : unmanaged
        where TLength : struct, IVectorLength
    {
        if (!AvxUnit.Enter(core))
        {
            return false;
        }

        // The vector length is that of the wider of data and indices; the data may be half of it.
        var count = (TLength.Is256 ? 32 : 16) / Math.Max(sizeof(T), sizeof(TIndex));
        var data = SseUnit.Destination<T>(core, op);
        var mask = AvxUnit.First<T>(core, op);
        for (var i = 0; i < count; i++)
        {
            Width<T>.Write((byte*)(mask + i), IsSelected(mask[i]) ? ulong.MaxValue : 0);
        }

        for (var i = 0; i < count; i++)
        {
            if (IsSelected(mask[i]) && !TryElement<T, TIndex>(core, op, i, data + i))
            {
                return false;
            }

            mask[i] = default;
        }

        // SAFETY: both registers have 32 bytes, of which the elements took 8, 16 or 32.
        new Span<T>(data, sizeof(Vector256<byte>) / sizeof(T))[count..].Clear();
        new Span<T>(mask, sizeof(Vector256<byte>) / sizeof(T))[count..].Clear();
        return true;
    }

    private static bool IsSelected<T>(T mask)
        where T : unmanaged => (Width<T>.Read((byte*)&mask) & Width<T>.SignBit) != 0;

    private static bool TryElement<T, TIndex>(CpuCore core, DecodedOp* op, int number, T* destination)
        where T : unmanaged
        where TIndex : unmanaged
    {
        // The element's address lives in a copy of the operation, so that the shared operand code serves here too.
        var index = Width<TIndex>.SignExtend(Width<TIndex>.Read((byte*)(AvxUnit.Third<TIndex>(core, op) + number)));
        var element = *op;
        core.State->Scratch = core.EffectiveAddress(op) + (index << op->Scale);
        element.Base = RegisterOffset.Scratch;
        element.Displacement = 0;
        if (!core.TryLinear(&element, sizeof(T), PageAccess.Read, out var linear))
        {
            return false;
        }

        var host = core.CachedRead(linear, sizeof(T));
        T value;
        if (host != null)
        {
            // SAFETY: the TLB vouches for this many bytes.
            value = Unsafe.ReadUnaligned<T>(host);
        }
        else if (!core.TryReadBytes(linear, op->Segment, new Span<byte>(&value, sizeof(T))))
        {
            return false;
        }

        *destination = value;
        return true;
    }
}
