using static Vivarium.X86.LoweringHelpers;

namespace Vivarium.X86;

/// <summary>The handlers of legacy SSE instructions: two operands, of which memory is aligned, and no change above bit 127.</summary>
internal readonly unsafe struct SseForms : IVectorForms, IFloatForms
{
    static nint ILaneForms.Binary<TOperation>() => Binary<TOperation>();

    static nint ILaneForms.Shift<TOperation>(bool immediate) =>
        immediate ? Handler(&VectorHandlers.ShiftByImmediate<TOperation>) : Handler(&VectorHandlers.ShiftByVector<TOperation>);

    static nint IVectorForms.Immediate<TOperation>() => Immediate<TOperation>();

    static nint IVectorForms.Blend<TOperation>() => Handler(&VectorHandlers.WithXmm0<TOperation>);

    static nint IVectorForms.Extend<TOperation, TSource>() => Handler(&VectorHandlers.NarrowSource<TOperation, TSource>);

    static nint IVectorForms.Test() => Handler(&VectorHandlers.Test);

    static nint IFloatForms.Scalar<TOperation, T>() => Handler(&FloatHandlers.Scalar<TOperation, T>);

    static nint IFloatForms.Packed<TOperation, T>() => Handler(&FloatHandlers.Packed<TOperation, T>);

    static nint IFloatForms.Horizontal<TOperation, T>() => Handler(&FloatHandlers.Horizontal<TOperation, T>);

    static nint IFloatForms.AddSubtract<T>() => Handler(&FloatHandlers.AddSubtract<T>);

    static nint IFloatForms.DotProduct<T>() => Handler(&FloatHandlers.DotProduct<T>);

    static nint IFloatForms.RoundScalar<T>() => Handler(&ConversionHandlers.RoundScalar<T>);

    static nint IFloatForms.RoundPacked<T>() => Handler(&ConversionHandlers.RoundPacked<T>);

    static nint IFloatForms.Ordered<T>() => Handler(&FloatCompareHandlers.Ordered<T>);

    static nint IFloatForms.Unordered<T>() => Handler(&FloatCompareHandlers.Unordered<T>);

    static nint IFloatForms.Convert<TConversion>() => Handler(&ConversionHandlers.Packed<TConversion>);

    static nint IFloatForms.ReciprocalScalar() => Handler(&ConversionHandlers.ReciprocalScalar);

    static nint IFloatForms.ReciprocalSquareRootScalar() => Handler(&ConversionHandlers.ReciprocalSquareRootScalar);
}
