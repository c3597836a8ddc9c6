using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Vivarium.X86;

/// <summary>CMPPS, CMPPD, CMPSS, CMPSD, COMIS and UCOMIS.</summary>
internal static unsafe class FloatCompareHandlers
{
    /// <summary>LT, LE, NLT and NLE raise IE for quiet NaNs too.</summary>
    private const int SignalingBit = 1;
    private const int NegationBit = 4;

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
            result = result.WithElement(i, Mask(destination->GetElement(i), source.As<byte, T>().GetElement(i), (int)op->Immediate, ref status));
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
        var result = Mask(*destination, source, (int)op->Immediate, ref status);
        if (!SseUnit.Accept(core, status))
        {
            return false;
        }

        *destination = result;
        return true;
    }

    /// <summary>COMISS, COMISD: IE for any NaN.</summary>
    public static bool Ordered<T>(CpuCore core, DecodedOp* op)
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => Flags<T>(core, op, signaling: true);

    /// <summary>UCOMISS, UCOMISD: IE for signaling NaNs.</summary>
    public static bool Unordered<T>(CpuCore core, DecodedOp* op)
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => Flags<T>(core, op, signaling: false);

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

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool Flags<T>(CpuCore core, DecodedOp* op, bool signaling)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        if (!SseUnit.Enter(core) || !SseUnit.TrySource(core, op, out T source))
        {
            return false;
        }

        var status = default(FloatStatus);
        var first = *SseUnit.Destination<T>(core, op);
        FloatOrder order;
        if (LaneSelection.IsPlain(first) && LaneSelection.IsPlain(source))
        {
            order = PlainOrder(first, source);
        }
        else
        {
            status = FloatStatus.FromMxcsr(core.State->Mxcsr);
            order = ExactOrder(first, source, signaling, ref status);
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

    private static T Mask<T>(T a, T b, int predicate, ref FloatStatus status)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var signaling = ((predicate ^ (predicate >> 1)) & SignalingBit) != 0;
        var order = LaneSelection.IsPlain(a) && LaneSelection.IsPlain(b) ? PlainOrder(a, b) : ExactOrder(a, b, signaling, ref status);
        var holds = (predicate & 3) switch
        {
            0 => order == FloatOrder.Equal,
            1 => order == FloatOrder.Less,
            2 => order is FloatOrder.Less or FloatOrder.Equal,
            _ => order == FloatOrder.Unordered,
        };
        return FloatLane.FromBits<T>(holds != ((predicate & NegationBit) != 0) ? ulong.MaxValue : 0);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static FloatOrder PlainOrder<T>(T a, T b)
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => a < b ? FloatOrder.Less : a == b ? FloatOrder.Equal : FloatOrder.Greater;

    private static FloatOrder ExactOrder<T>(T a, T b, bool signaling, ref FloatStatus status) => FloatCompare.Compare(
        FloatLane.Unpack(a, status.DenormalsAreZero), FloatLane.Unpack(b, status.DenormalsAreZero), signaling, ref status);
}
