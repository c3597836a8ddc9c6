using System.Numerics;
using System.Runtime.CompilerServices;

namespace Vivarium.X86;

/// <summary>
/// The arithmetic flags, kept as the last result and a word of carries, from which each flag is a shift away.
/// <c>FlagResult</c> is the result sign-extended to 64 bits: ZF is "is zero", SF its sign, PF the parity of its low byte.
/// <c>FlagAux</c>: bit 63 CF, bit 62 CF xor OF (the carry into the sign), bit 3 AF, bit 0 inverts SF, bits 15:8 are xored
/// into the byte whose parity is PF. The last two let any combination of flags be represented.
/// </summary>
internal static unsafe class LazyFlags
{
    public const ulong CarryBit = 1UL << 63;
    public const ulong PartialOverflowBit = 1UL << 62;
    public const ulong AdjustBit = 8;
    private const ulong TopBits = CarryBit | PartialOverflowBit;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Carry(CpuState* s) => (long)s->FlagAux < 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Overflow(CpuState* s) => (long)(s->FlagAux ^ (s->FlagAux << 1)) < 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Zero(CpuState* s) => s->FlagResult == 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Sign(CpuState* s) => (long)(s->FlagResult ^ (s->FlagAux << 63)) < 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Parity(CpuState* s) => (BitOperations.PopCount((byte)(s->FlagResult ^ (s->FlagAux >> 8))) & 1) == 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Adjust(CpuState* s) => (s->FlagAux & AdjustBit) != 0;

    /// <summary>SF ≠ OF.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Less(CpuState* s) => (long)(s->FlagResult ^ (s->FlagAux << 63) ^ s->FlagAux ^ (s->FlagAux << 1)) < 0;

    /// <summary>Evaluates condition code 0 to 15 (O, NO, B, NB, Z, NZ, BE, NBE, S, NS, P, NP, L, NL, LE, NLE).</summary>
    public static bool Condition(CpuState* s, int code)
    {
        var value = (code >> 1) switch
        {
            0 => Overflow(s),
            1 => Carry(s),
            2 => Zero(s),
            3 => Carry(s) || Zero(s),
            4 => Sign(s),
            5 => Parity(s),
            6 => Less(s),
            _ => Less(s) || Zero(s),
        };
        return value != ((code & 1) != 0);
    }

    /// <summary>Flags of <c>a + b (+ carry) = r</c>; operands zero-extended, bits of r above the width are ignored.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void SetAdd<T>(CpuState* s, ulong a, ulong b, ulong r)
        where T : unmanaged
    {
        var carries = (a & b) | ((a | b) & ~r);
        s->FlagResult = Width<T>.SignExtend(r);
        s->FlagAux = ((carries << Width<T>.Shift) & TopBits) | (carries & AdjustBit);
    }

    /// <summary>Flags of <c>a − b (− borrow) = r</c>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void SetSub<T>(CpuState* s, ulong a, ulong b, ulong r)
        where T : unmanaged
    {
        var borrows = (~a & b) | (~(a ^ b) & r);
        s->FlagResult = Width<T>.SignExtend(r);
        s->FlagAux = ((borrows << Width<T>.Shift) & TopBits) | (borrows & AdjustBit);
    }

    /// <summary>Flags of AND, OR, XOR and TEST: CF = OF = AF = 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void SetLogic<T>(CpuState* s, ulong r)
        where T : unmanaged
    {
        s->FlagResult = Width<T>.SignExtend(r);
        s->FlagAux = 0;
    }

    /// <summary>Result flags of <paramref name="r"/> with the given CF and OF, and AF clear.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void SetResult<T>(CpuState* s, ulong r, bool carry, bool overflow)
        where T : unmanaged
    {
        s->FlagResult = Width<T>.SignExtend(r);
        s->FlagAux = CarryAndOverflow(carry, overflow);
    }

    /// <summary>Changes CF and OF, keeping the others.</summary>
    public static void SetCarryOverflow(CpuState* s, bool carry, bool overflow) =>
        s->FlagAux = (s->FlagAux & ~TopBits) | CarryAndOverflow(carry, overflow);

    /// <summary>Changes CF, keeping the others.</summary>
    public static void SetCarry(CpuState* s, bool carry) => SetCarryOverflow(s, carry, Overflow(s));

    /// <summary>Puts back the CF of an earlier <c>FlagAux</c>; OF stays, so the carry into the sign flips with it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void KeepCarry(CpuState* s, ulong oldAux)
    {
        var change = (s->FlagAux ^ oldAux) & CarryBit;
        s->FlagAux ^= change | (change >> 1);
    }

    /// <summary>The six flags as bits of RFLAGS.</summary>
    public static ulong Get(CpuState* s)
    {
        var flags = 0UL;
        flags |= Carry(s) ? Rflags.Cf : 0;
        flags |= Parity(s) ? Rflags.Pf : 0;
        flags |= Adjust(s) ? Rflags.Af : 0;
        flags |= Zero(s) ? Rflags.Zf : 0;
        flags |= Sign(s) ? Rflags.Sf : 0;
        flags |= Overflow(s) ? Rflags.Of : 0;
        return flags;
    }

    /// <summary>Sets the six flags from bits of RFLAGS.</summary>
    public static void Set(CpuState* s, ulong flags)
    {
        var zero = (flags & Rflags.Zf) != 0;
        var result = zero ? 0UL : 1UL;
        var parityByte = (result & 1) ^ ((flags & Rflags.Pf) != 0 ? 0UL : 1UL);
        s->FlagResult = result;
        s->FlagAux = CarryAndOverflow((flags & Rflags.Cf) != 0, (flags & Rflags.Of) != 0)
            | ((flags & Rflags.Af) != 0 ? AdjustBit : 0)
            | ((flags & Rflags.Sf) != 0 ? 1UL : 0)
            | (parityByte << 8);
    }

    /// <summary>The whole of RFLAGS.</summary>
    public static ulong GetAll(CpuState* s) => s->FlagSystem | Get(s);

    /// <summary>Sets the whole of RFLAGS; bit 1 becomes 1, absent bits 0.</summary>
    public static void SetAll(CpuState* s, ulong flags)
    {
        Set(s, flags);
        s->FlagSystem = (flags & Rflags.All & ~Rflags.Arithmetic) | Rflags.One;
    }

    private static ulong CarryAndOverflow(bool carry, bool overflow) =>
        (carry ? CarryBit : 0) | (carry != overflow ? PartialOverflowBit : 0);
}
