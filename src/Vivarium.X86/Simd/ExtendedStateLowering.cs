using Iced.Intel;
using static Vivarium.X86.LoweringHelpers;

namespace Vivarium.X86;

/// <summary>Instructions that save and restore the floating-point and vector state.</summary>
internal static unsafe class ExtendedStateLowering
{
    public static nint Find(in Instruction instruction) => instruction.Code switch
    {
        Code.Fxsave_m512byte or Code.Fxsave64_m512byte => Handler(&FxHandlers.Save),
        Code.Fxrstor_m512byte or Code.Fxrstor64_m512byte => Handler(&FxHandlers.Restore),
        Code.Ldmxcsr_m32 => Handler(&FxHandlers.LoadMxcsr),
        Code.Stmxcsr_m32 => Handler(&FxHandlers.StoreMxcsr),
        Code.Xsave_mem or Code.Xsave64_mem => Handler(&XsaveHandlers.Save),
        Code.Xsaveopt_mem or Code.Xsaveopt64_mem => Handler(&XsaveHandlers.SaveOptimised),
        Code.Xsavec_mem or Code.Xsavec64_mem => Handler(&XsaveHandlers.SaveCompacted),
        Code.Xrstor_mem or Code.Xrstor64_mem => Handler(&XsaveHandlers.Restore),
        Code.Xgetbv => Handler(&XsaveHandlers.GetBv),
        Code.Xsetbv => Handler(&XsaveHandlers.SetBv),
        _ => 0,
    };
}
