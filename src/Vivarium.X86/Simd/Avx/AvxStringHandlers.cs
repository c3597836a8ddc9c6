namespace Vivarium.X86;

/// <summary>VPCMPESTRI, VPCMPESTRM, VPCMPISTRI and VPCMPISTRM. A mask in XMM0 clears what is above it.</summary>
internal static unsafe class AvxStringHandlers
{
    public static bool ImplicitIndex(CpuCore core, DecodedOp* op) =>
        AvxUnit.Enter(core) && StringCompareHandlers.TryCompare(core, op, explicitLength: false, mask: false);

    public static bool ImplicitMask(CpuCore core, DecodedOp* op) =>
        AvxUnit.Enter(core) && StringCompareHandlers.TryCompare(core, op, explicitLength: false, mask: true) && ClearAbove(core);

    public static bool ExplicitIndex(CpuCore core, DecodedOp* op) =>
        AvxUnit.Enter(core) && StringCompareHandlers.TryCompare(core, op, explicitLength: true, mask: false);

    public static bool ExplicitMask(CpuCore core, DecodedOp* op) =>
        AvxUnit.Enter(core) && StringCompareHandlers.TryCompare(core, op, explicitLength: true, mask: true) && ClearAbove(core);

    private static bool ClearAbove(CpuCore core)
    {
        FxImage.YmmHigh(core.State, 0).Clear();
        return true;
    }
}
