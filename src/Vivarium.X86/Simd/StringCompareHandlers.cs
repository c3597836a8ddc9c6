using System.Runtime.Intrinsics;

namespace Vivarium.X86;

/// <summary>PCMPESTRI, PCMPESTRM, PCMPISTRI and PCMPISTRM. Their memory operand needs no alignment.</summary>
internal static unsafe class StringCompareHandlers
{
    private const int Rax = 0;
    private const int Rcx = 1;
    private const int Rdx = 2;

    public static bool ImplicitIndex(CpuCore core, DecodedOp* op) => SseUnit.Enter(core) && TryCompare(core, op, explicitLength: false, mask: false);

    public static bool ImplicitMask(CpuCore core, DecodedOp* op) => SseUnit.Enter(core) && TryCompare(core, op, explicitLength: false, mask: true);

    public static bool ExplicitIndex(CpuCore core, DecodedOp* op) => SseUnit.Enter(core) && TryCompare(core, op, explicitLength: true, mask: false);

    public static bool ExplicitMask(CpuCore core, DecodedOp* op) => SseUnit.Enter(core) && TryCompare(core, op, explicitLength: true, mask: true);

    /// <summary>Compares, the checks having been made.</summary>
    public static bool TryCompare(CpuCore core, DecodedOp* op, bool explicitLength, bool mask)
    {
        if (!SseUnit.TrySource(core, op, out Vector128<byte> second))
        {
            return false;
        }

        var state = core.State;
        var control = (byte)op->Immediate;
        var first = *SseUnit.Destination<Vector128<byte>>(core, op);
        var comparison = new StringCompare(
            first,
            second,
            explicitLength ? StringCompare.ExplicitLength(Length(state, op, Rax), control) : StringCompare.ImplicitLength(first, control),
            explicitLength ? StringCompare.ExplicitLength(Length(state, op, Rdx), control) : StringCompare.ImplicitLength(second, control),
            control);
        LazyFlags.Set(state, comparison.Flags);
        if (mask)
        {
            *SseUnit.Register<Vector128<byte>>(core, RegisterOffset.Vector) = comparison.ExpandedMask;
        }
        else
        {
            state->Gpr[Rcx] = (uint)comparison.Index;
        }

        return true;
    }

    private static long Length(CpuState* state, DecodedOp* op, int register) =>
        op->Size == sizeof(ulong) ? (long)state->Gpr[register] : (int)state->Gpr[register];
}
