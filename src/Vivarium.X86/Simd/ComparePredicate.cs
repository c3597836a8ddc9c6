using System.Numerics;
using System.Runtime.CompilerServices;

namespace Vivarium.X86;

/// <summary>The 32 predicates of VCMPPS and its kin, of which legacy encodings have the first 8 (Intel SDM Vol. 2A, CMPPD, table 3-1).</summary>
internal static class ComparePredicate
{
    /// <summary>
    /// For predicates 0 to 15, four bits each: which of less, equal, greater and unordered (from bit 0 up) satisfy it. 16 to 31 repeat them.
    /// </summary>
    private const ulong Outcomes = 0xF4650B9A_7CED8312;

    /// <summary>Bit 4 exchanges the quiet and the signaling ones.</summary>
    private const int SignalingShift = 4;

    /// <summary>A lane of ones where the predicate holds, else of zeros.</summary>
    public static T Mask<T>(T a, T b, int predicate, ref FloatStatus status)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        // LT, LE, NLT, NLE and their like raise IE for quiet NaNs too.
        var signaling = ((predicate ^ (predicate >> 1) ^ (predicate >> SignalingShift)) & 1) != 0;
        var order = LaneSelection.IsPlain(a) && LaneSelection.IsPlain(b) ? PlainOrder(a, b) : ExactOrder(a, b, signaling, ref status);
        var holds = (Outcomes >> ((predicate & 15) * 4) >> (int)order & 1) != 0;
        return FloatLane.FromBits<T>(holds ? ulong.MaxValue : 0);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FloatOrder PlainOrder<T>(T a, T b)
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => a < b ? FloatOrder.Less : a == b ? FloatOrder.Equal : FloatOrder.Greater;

    public static FloatOrder ExactOrder<T>(T a, T b, bool signaling, ref FloatStatus status) => FloatCompare.Compare(
        FloatLane.Unpack(a, status.DenormalsAreZero), FloatLane.Unpack(b, status.DenormalsAreZero), signaling, ref status);
}
