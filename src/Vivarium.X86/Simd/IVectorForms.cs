using System.Numerics;

namespace Vivarium.X86;

/// <summary>
/// The handlers of one register file and encoding: MMX, SSE, or AVX of one vector length. The tables of operations are generic over it,
/// so that each operation is named once.
/// </summary>
internal interface ILaneForms
{
    abstract static nint Binary<TOperation>()
        where TOperation : struct, IVectorBinary;

    /// <summary>A shift of all lanes by one count, in an immediate or a register.</summary>
    abstract static nint Shift<TOperation>(bool immediate)
        where TOperation : struct, IVectorShift;
}

/// <summary>The handlers of integer operations that only XMM and YMM registers have.</summary>
internal interface IVectorForms : ILaneForms
{
    abstract static nint Immediate<TOperation>()
        where TOperation : struct, IVectorImmediate;

    /// <summary>A blend: the mask is XMM0 in legacy encodings and a fourth operand in VEX ones.</summary>
    abstract static nint Blend<TOperation>()
        where TOperation : struct, IVectorTernary;

    /// <summary>PMOVSX and PMOVZX: <typeparamref name="TSource"/> is as wide as what becomes 16 bytes.</summary>
    abstract static nint Extend<TOperation, TSource>()
        where TOperation : struct, IVectorBinary
        where TSource : unmanaged;

    /// <summary>PTEST.</summary>
    abstract static nint Test();
}

/// <summary>The handlers of floating-point operations on XMM and YMM registers.</summary>
internal interface IFloatForms
{
    abstract static nint Scalar<TOperation, T>()
        where TOperation : struct, ILaneOperation
        where T : unmanaged, IBinaryFloatingPointIeee754<T>;

    abstract static nint Packed<TOperation, T>()
        where TOperation : struct, ILaneOperation
        where T : unmanaged, IBinaryFloatingPointIeee754<T>;

    abstract static nint Horizontal<TOperation, T>()
        where TOperation : struct, ILaneOperation
        where T : unmanaged, IBinaryFloatingPointIeee754<T>;

    abstract static nint AddSubtract<T>()
        where T : unmanaged, IBinaryFloatingPointIeee754<T>;

    abstract static nint DotProduct<T>()
        where T : unmanaged, IBinaryFloatingPointIeee754<T>;

    abstract static nint RoundScalar<T>()
        where T : unmanaged, IBinaryFloatingPointIeee754<T>;

    abstract static nint RoundPacked<T>()
        where T : unmanaged, IBinaryFloatingPointIeee754<T>;

    abstract static nint Ordered<T>()
        where T : unmanaged, IBinaryFloatingPointIeee754<T>;

    abstract static nint Unordered<T>()
        where T : unmanaged, IBinaryFloatingPointIeee754<T>;

    /// <summary>A conversion whose source is as wide as its result.</summary>
    abstract static nint Convert<TConversion>()
        where TConversion : struct, IPackedConversion;

    abstract static nint ReciprocalScalar();

    abstract static nint ReciprocalSquareRootScalar();
}
