using System.Runtime.CompilerServices;

namespace Vivarium.X86;

/// <summary>A two-operand arithmetic or logic operation.</summary>
internal unsafe interface IAluOp : IAtomicUpdate
{
    /// <summary>False for CMP and TEST, which only set flags.</summary>
    static abstract bool Writes { get; }

    /// <summary>True if the result takes the carry flag in.</summary>
    static abstract bool UsesCarry { get; }

    /// <summary>Sets the arithmetic flags for operands and result.</summary>
    static abstract void SetFlags<T>(CpuState* s, ulong a, ulong b, ulong r)
        where T : unmanaged;
}

internal readonly struct AddOp : IAluOp
{
    public static bool Writes => true;

    public static bool UsesCarry => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Apply(ulong a, ulong b, ulong carry) => a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe void SetFlags<T>(CpuState* s, ulong a, ulong b, ulong r)
        where T : unmanaged => LazyFlags.SetAdd<T>(s, a, b, r);
}

internal readonly struct AdcOp : IAluOp
{
    public static bool Writes => true;

    public static bool UsesCarry => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Apply(ulong a, ulong b, ulong carry) => a + b + carry;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe void SetFlags<T>(CpuState* s, ulong a, ulong b, ulong r)
        where T : unmanaged => LazyFlags.SetAdd<T>(s, a, b, r);
}

internal readonly struct SubOp : IAluOp
{
    public static bool Writes => true;

    public static bool UsesCarry => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Apply(ulong a, ulong b, ulong carry) => a - b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe void SetFlags<T>(CpuState* s, ulong a, ulong b, ulong r)
        where T : unmanaged => LazyFlags.SetSub<T>(s, a, b, r);
}

internal readonly struct SbbOp : IAluOp
{
    public static bool Writes => true;

    public static bool UsesCarry => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Apply(ulong a, ulong b, ulong carry) => a - b - carry;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe void SetFlags<T>(CpuState* s, ulong a, ulong b, ulong r)
        where T : unmanaged => LazyFlags.SetSub<T>(s, a, b, r);
}

internal readonly struct CmpOp : IAluOp
{
    public static bool Writes => false;

    public static bool UsesCarry => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Apply(ulong a, ulong b, ulong carry) => a - b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe void SetFlags<T>(CpuState* s, ulong a, ulong b, ulong r)
        where T : unmanaged => LazyFlags.SetSub<T>(s, a, b, r);
}

internal readonly struct AndOp : IAluOp
{
    public static bool Writes => true;

    public static bool UsesCarry => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Apply(ulong a, ulong b, ulong carry) => a & b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe void SetFlags<T>(CpuState* s, ulong a, ulong b, ulong r)
        where T : unmanaged => LazyFlags.SetLogic<T>(s, r);
}

internal readonly struct OrOp : IAluOp
{
    public static bool Writes => true;

    public static bool UsesCarry => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Apply(ulong a, ulong b, ulong carry) => a | b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe void SetFlags<T>(CpuState* s, ulong a, ulong b, ulong r)
        where T : unmanaged => LazyFlags.SetLogic<T>(s, r);
}

internal readonly struct XorOp : IAluOp
{
    public static bool Writes => true;

    public static bool UsesCarry => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Apply(ulong a, ulong b, ulong carry) => a ^ b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe void SetFlags<T>(CpuState* s, ulong a, ulong b, ulong r)
        where T : unmanaged => LazyFlags.SetLogic<T>(s, r);
}

internal readonly struct TestOp : IAluOp
{
    public static bool Writes => false;

    public static bool UsesCarry => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Apply(ulong a, ulong b, ulong carry) => a & b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe void SetFlags<T>(CpuState* s, ulong a, ulong b, ulong r)
        where T : unmanaged => LazyFlags.SetLogic<T>(s, r);
}
