using System.Runtime.Intrinsics;

namespace Vivarium.X86;

/// <summary>A pure operation of two vectors. One-operand operations ignore the first.</summary>
internal interface IVectorBinary
{
    abstract static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b);
}

/// <summary>A pure operation of two vectors and an immediate. One-operand operations ignore the first.</summary>
internal interface IVectorImmediate
{
    /// <summary>The immediate of the upper half in 256-bit forms, for operations whose control goes on from half to half.</summary>
    static virtual byte Upper(byte immediate) => immediate;

    abstract static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate);
}

/// <summary>A pure operation of three vectors, the third being XMM0 in legacy encodings.</summary>
internal interface IVectorTernary
{
    abstract static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, Vector128<byte> c);
}

/// <summary>A shift of all lanes by one count, which may exceed the lane's width.</summary>
internal interface IVectorShift
{
    abstract static Vector128<byte> Apply(Vector128<byte> a, ulong count);
}
