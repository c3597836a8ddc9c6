using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Vivarium.X86;

/// <summary>CMPPS, CMPPD, CMPSS, CMPSD, COMIS and UCOMIS.</summary>
internal static unsafe class FloatCompareHandlers
{
    /// <summary>What legacy encodings look at of the immediate.</summary>
    private const int LegacyPredicateMask = 7;

    /// <summary>The lazy flags of each outcome, ready to be copied.</summary>
    private static readonly (ulong Result, ulong Aux)[] s_orderFlags = MakeOrderFlags();

    public static bool Packed<T>(CpuCore core, DecodedOp* op)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        if (!SseUnit.Enter(core) || !SseUnit.TryAlignedSource(core, op, out var source))
        {
            return false;
        }

        var destination = SseUnit.Destination<Vector128<T>>(core, op);
        var status = FloatStatus.FromMxcsr(core.State->Mxcsr);
        var result = Vector128<T>.Zero;
        for (var i = 0; i < Vector128<T>.Count; i++)
        {
            var lane = ComparePredicate.Mask(
                destination->GetElement(i), source.As<byte, T>().GetElement(i), (int)op->Immediate & LegacyPredicateMask, ref status);
            result = result.WithElement(i, lane);
        }

        if (!SseUnit.Accept(core, status))
        {
            return false;
        }

        *destination = result;
        return true;
    }

    public static bool Scalar<T>(CpuCore core, DecodedOp* op)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        if (!SseUnit.Enter(core) || !SseUnit.TrySource(core, op, out T source))
        {
            return false;
        }

        var destination = SseUnit.Destination<T>(core, op);
        var status = FloatStatus.FromMxcsr(core.State->Mxcsr);
        var result = ComparePredicate.Mask(*destination, source, (int)op->Immediate & LegacyPredicateMask, ref status);
        if (!SseUnit.Accept(core, status))
        {
            return false;
        }

        *destination = result;
        return true;
    }

    /// <summary>COMISS, COMISD: IE for any NaN.</summary>
    public static bool Ordered<T>(CpuCore core, DecodedOp* op)
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => SseUnit.Enter(core) && TryCompare<T>(core, op, signaling: true);

    /// <summary>UCOMISS, UCOMISD: IE for signaling NaNs.</summary>
    public static bool Unordered<T>(CpuCore core, DecodedOp* op)
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => SseUnit.Enter(core) && TryCompare<T>(core, op, signaling: false);

    /// <summary>Sets the arithmetic flags to an outcome.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void SetFlags(CpuState* state, FloatOrder order) => (state->FlagResult, state->FlagAux) = s_orderFlags[(int)order];

    /// <summary>ZF, PF and CF of an outcome, OF, SF and AF clear (Intel SDM Vol. 2A, COMISD).</summary>
    private static ulong OrderFlags(FloatOrder order) => order switch
    {
        FloatOrder.Less => Rflags.Cf,
        FloatOrder.Equal => Rflags.Zf,
        FloatOrder.Greater => 0,
        _ => Rflags.Zf | Rflags.Pf | Rflags.Cf,
    };

    /// <summary>Compares the first operand with the second into the flags, the checks having been made.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryCompare<T>(CpuCore core, DecodedOp* op, bool signaling)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        if (!SseUnit.TrySource(core, op, out T source))
        {
            return false;
        }

        var status = default(FloatStatus);
        var first = *SseUnit.Destination<T>(core, op);
        FloatOrder order;
        if (LaneSelection.IsPlain(first) && LaneSelection.IsPlain(source))
        {
            order = ComparePredicate.PlainOrder(first, source);
        }
        else
        {
            status = FloatStatus.FromMxcsr(core.State->Mxcsr);
            order = ComparePredicate.ExactOrder(first, source, signaling, ref status);
            if (!SseUnit.Accept(core, status))
            {
                return false;
            }
        }

        SetFlags(core.State, order);
        return true;
    }

    private static (ulong Result, ulong Aux)[] MakeOrderFlags()
    {
        var flags = new (ulong, ulong)[4];
        var state = default(CpuState);
        for (var order = FloatOrder.Less; order <= FloatOrder.Unordered; order++)
        {
            LazyFlags.Set(&state, OrderFlags(order));
            flags[(int)order] = (state.FlagResult, state.FlagAux);
        }

        return flags;
    }
}
