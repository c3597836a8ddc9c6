using static Vivarium.X86.LoweringHelpers;

namespace Vivarium.X86;

/// <summary>The handlers of VEX-encoded instructions of one vector length: three operands, memory of any alignment, zeros above.</summary>
internal readonly unsafe struct AvxForms<TLength> : IVectorForms, IFloatForms
    where TLength : struct, IVectorLength
{
    static nint ILaneForms.Binary<TOperation>() => Handler(&AvxHandlers.Binary<TOperation, TLength>);

    static nint ILaneForms.Shift<TOperation>(bool immediate) =>
        immediate ? Handler(&AvxHandlers.ShiftByImmediate<TOperation, TLength>) : Handler(&AvxHandlers.ShiftByVector<TOperation, TLength>);

    static nint IVectorForms.Immediate<TOperation>() => Handler(&AvxHandlers.Immediate<TOperation, TLength>);

    static nint IVectorForms.Blend<TOperation>() => Handler(&AvxHandlers.Blend<TOperation, TLength>);

    static nint IVectorForms.Extend<TOperation, TSource>() => Handler(&AvxHandlers.Extend<TOperation, TSource, TLength>);

    static nint IVectorForms.Test() => Handler(&AvxHandlers.Test<AllBits, TLength>);

    static nint IFloatForms.Scalar<TOperation, T>() => Handler(&AvxFloatHandlers.Scalar<TOperation, T>);

    static nint IFloatForms.Packed<TOperation, T>() => Handler(&AvxFloatHandlers.Packed<TOperation, T, TLength>);

    static nint IFloatForms.Horizontal<TOperation, T>() => Handler(&AvxFloatHandlers.Horizontal<TOperation, T, TLength>);

    static nint IFloatForms.AddSubtract<T>() => Handler(&AvxFloatHandlers.AddSubtract<T, TLength>);

    static nint IFloatForms.DotProduct<T>() => Handler(&AvxFloatHandlers.DotProduct<T, TLength>);

    static nint IFloatForms.RoundScalar<T>() => Handler(&AvxConversionHandlers.RoundScalar<T>);

    static nint IFloatForms.RoundPacked<T>() => Handler(&AvxConversionHandlers.RoundPacked<T, TLength>);

    static nint IFloatForms.Ordered<T>() => Handler(&AvxFloatHandlers.Ordered<T>);

    static nint IFloatForms.Unordered<T>() => Handler(&AvxFloatHandlers.Unordered<T>);

    static nint IFloatForms.Convert<TConversion>() => Handler(&AvxConversionHandlers.Packed<TConversion, TLength>);

    static nint IFloatForms.ReciprocalScalar() => Handler(&AvxConversionHandlers.ReciprocalScalar);

    static nint IFloatForms.ReciprocalSquareRootScalar() => Handler(&AvxConversionHandlers.ReciprocalSquareRootScalar);
}
