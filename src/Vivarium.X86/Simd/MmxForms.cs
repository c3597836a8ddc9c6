using static Vivarium.X86.LoweringHelpers;

namespace Vivarium.X86;

/// <summary>The handlers of MMX instructions.</summary>
internal readonly unsafe struct MmxForms : ILaneForms
{
    static nint ILaneForms.Binary<TOperation>() => Handler(&MmxHandlers.Binary<TOperation>);

    static nint ILaneForms.Shift<TOperation>(bool immediate) =>
        immediate ? Handler(&MmxHandlers.ShiftByImmediate<TOperation>) : Handler(&MmxHandlers.ShiftByRegister<TOperation>);
}
