using System.Runtime.InteropServices;

namespace Vivarium.X86;

/// <summary>
/// How the arithmetic flags can be found at a point where they are not in the host's: from the state, or from an operation whose result
/// and operand still stand in guest registers.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal struct FlagRecovery
{
    public FlagRecoveryKind Kind;

    /// <summary>Operand size in bytes.</summary>
    public byte Size;

    /// <summary>Byte offset in the state of the first operand: the result, or for CMP and TEST what was compared.</summary>
    public ushort First;

    /// <summary>Byte offset in the state of the second operand; 0xFFFF for <see cref="Immediate"/>.</summary>
    public ushort Second;

    public int Immediate;

    public const ushort NoRegister = ushort.MaxValue;

    /// <summary>As <see cref="First"/>: <see cref="EngineFields.FlagOperand"/>, where emitted code kept it.</summary>
    public const ushort KeptOperand = ushort.MaxValue - 1;
}

/// <summary>Where flags come from.</summary>
internal enum FlagRecoveryKind : byte
{
    /// <summary>From <see cref="EngineFields.HostFlags"/>.</summary>
    Saved,

    /// <summary>First = result of an addition of second.</summary>
    Add,

    /// <summary>First = result of a subtraction of second.</summary>
    Subtract,

    /// <summary>First compared with second, both unchanged.</summary>
    Compare,

    /// <summary>First = result of AND, OR or XOR.</summary>
    Logic,

    /// <summary>First AND second, both unchanged.</summary>
    Test,

    /// <summary>First was shifted left by a constant.</summary>
    ShiftLeft,

    /// <summary>First was shifted right by a constant.</summary>
    ShiftRight,

    /// <summary>First was shifted right by a constant, with its sign.</summary>
    ShiftRightSigned,

    /// <summary>Operands of a comparison, subtraction or logical operation were such that its result was zero.</summary>
    Zero,
}
