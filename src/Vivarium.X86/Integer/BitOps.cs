using System.Numerics;

namespace Vivarium.X86;

/// <summary>What BT, BTS, BTR or BTC does with the bit's word.</summary>
internal readonly struct BitTest : IAtomicUpdate
{
    public static ulong Apply(ulong old, ulong source, ulong extra) => old;
}

internal readonly struct BitSet : IAtomicUpdate
{
    public static ulong Apply(ulong old, ulong source, ulong extra) => old | source;
}

internal readonly struct BitReset : IAtomicUpdate
{
    public static ulong Apply(ulong old, ulong source, ulong extra) => old & ~source;
}

internal readonly struct BitComplement : IAtomicUpdate
{
    public static ulong Apply(ulong old, ulong source, ulong extra) => old ^ source;
}

/// <summary>BT, BTS, BTR, BTC with a register or immediate bit number. A register number reaches beyond a memory operand.</summary>
internal static unsafe class BitTests<TOp, T>
    where TOp : struct, IAtomicUpdate
    where T : unmanaged
{
    public static bool ByImmediate(CpuCore c, DecodedOp* op) => Execute(c, op, op->Immediate & (Width<T>.Bits - 1), 0);

    public static bool ByRegister(CpuCore c, DecodedOp* op)
    {
        var bit = (long)Width<T>.SignExtend(Width<T>.Get(c.State, op->Reg2));
        var shift = sizeof(T) == 2 ? 4 : sizeof(T) == 4 ? 5 : 6;
        return Execute(c, op, bit & (Width<T>.Bits - 1), op->HasMemory ? (bit >> shift) * sizeof(T) : 0);
    }

    private static bool Execute(CpuCore c, DecodedOp* op, long bit, long byteOffset)
    {
        var mask = 1UL << (int)bit;
        ulong old;
        if (!op->HasMemory)
        {
            old = Width<T>.Get(c.State, op->Reg1);
            if (typeof(TOp) != typeof(BitTest))
            {
                Width<T>.Set(c.State, op->Reg1, TOp.Apply(old, mask, 0));
            }
        }
        else
        {
            // The adjusted address lives in a copy of the operation, so that the shared operand code serves here too.
            var adjusted = *op;
            if (byteOffset != 0)
            {
                var address = c.EffectiveAddress(op) + (ulong)byteOffset;
                c.State->Scratch = address << op->AddressShift >> op->AddressShift;
                adjusted.Base = RegisterOffset.Scratch;
                adjusted.Index = RegisterOffset.Zero;
                adjusted.Displacement = 0;
            }

            if (!TryMemory(c, &adjusted, mask, out old))
            {
                return false;
            }
        }

        LazyFlags.SetCarry(c.State, (old & mask) != 0);
        return true;
    }

    private static bool TryMemory(CpuCore c, DecodedOp* op, ulong mask, out ulong old)
    {
        if (typeof(TOp) == typeof(BitTest))
        {
            return c.TryLoadOperand<T>(op, out old);
        }

        if ((op->Flags & OpFlags.Lock) != 0)
        {
            return Operand<T>.TryUpdateLocked<TOp>(c, op, mask, 0, out old);
        }

        old = 0;
        return c.TryLinear(op, sizeof(T), PageAccess.Write, out var linear)
            && c.TryReadForUpdate<T>(linear, op->Segment, out old)
            && c.TryWriteUpdate<T>(linear, op->Segment, TOp.Apply(old, mask, 0));
    }
}

/// <summary>BSF, BSR, TZCNT, LZCNT and POPCNT.</summary>
internal static unsafe class BitScan<T>
    where T : unmanaged
{
    /// <summary>BSF. A zero source sets ZF and leaves the destination as it was, as AMD documents and Intel does.</summary>
    public static bool Forward(CpuCore c, DecodedOp* op) => Scan(c, op, forward: true);

    public static bool Reverse(CpuCore c, DecodedOp* op) => Scan(c, op, forward: false);

    public static bool TrailingZeros(CpuCore c, DecodedOp* op)
    {
        if (!Operand<T>.TryGetSource(c, op, out var value))
        {
            return false;
        }

        SetCount(c.State, op, value, value == 0 ? Width<T>.Bits : BitOperations.TrailingZeroCount(value));
        return true;
    }

    public static bool LeadingZeros(CpuCore c, DecodedOp* op)
    {
        if (!Operand<T>.TryGetSource(c, op, out var value))
        {
            return false;
        }

        SetCount(c.State, op, value, BitOperations.LeadingZeroCount(value) - Width<T>.Shift);
        return true;
    }

    public static bool PopCount(CpuCore c, DecodedOp* op)
    {
        if (!Operand<T>.TryGetSource(c, op, out var value))
        {
            return false;
        }

        Width<T>.Set(c.State, op->Reg1, (ulong)BitOperations.PopCount(value));
        LazyFlags.Set(c.State, value == 0 ? Rflags.Zf : 0);
        return true;
    }

    private static bool Scan(CpuCore c, DecodedOp* op, bool forward)
    {
        if (!Operand<T>.TryGetSource(c, op, out var value))
        {
            return false;
        }

        if (value == 0)
        {
            LazyFlags.Set(c.State, (LazyFlags.Get(c.State) & Rflags.Cf) | Rflags.Zf | Rflags.Pf);
            return true;
        }

        var index = (ulong)(forward ? BitOperations.TrailingZeroCount(value) : 63 - BitOperations.LeadingZeroCount(value));
        Width<T>.Set(c.State, op->Reg1, index);
        LazyFlags.Set(c.State, LazyFlags.Get(c.State) & Rflags.Cf);
        return true;
    }

    private static void SetCount(CpuState* s, DecodedOp* op, ulong source, int count)
    {
        Width<T>.Set(s, op->Reg1, (ulong)count);
        LazyFlags.SetResult<T>(s, (ulong)count, source == 0, overflow: false);
    }
}

/// <summary>BMI1: ANDN, BEXTR, BLSI, BLSMSK, BLSR (T is uint or ulong). The second register is in <see cref="DecodedOp.Immediate"/>.</summary>
internal static unsafe class Bmi1<T>
    where T : unmanaged
{
    public static bool AndNot(CpuCore c, DecodedOp* op)
    {
        if (!Operand<T>.TryGetSource(c, op, out var b))
        {
            return false;
        }

        var r = ~Width<T>.Get(c.State, (int)op->Immediate) & b;
        Width<T>.Set(c.State, op->Reg1, r);
        LazyFlags.SetLogic<T>(c.State, r);
        return true;
    }

    public static bool Extract(CpuCore c, DecodedOp* op)
    {
        if (!Operand<T>.TryGetSource(c, op, out var value))
        {
            return false;
        }

        var control = Width<T>.Get(c.State, (int)op->Immediate);
        var start = (int)(control & 0xFF);
        var length = (int)(control >> 8) & 0xFF;
        var r = start >= Width<T>.Bits ? 0 : value >> start;
        r = length < Width<T>.Bits ? r & ((1UL << length) - 1) : r;
        Width<T>.Set(c.State, op->Reg1, r);
        LazyFlags.SetLogic<T>(c.State, r);
        return true;
    }

    public static bool Isolate(CpuCore c, DecodedOp* op) => Lowest(c, op, static v => v & (0 - v), static v => v != 0);

    public static bool Mask(CpuCore c, DecodedOp* op) => Lowest(c, op, static v => v ^ (v - 1), static v => v == 0);

    public static bool Reset(CpuCore c, DecodedOp* op) => Lowest(c, op, static v => v & (v - 1), static v => v == 0);

    private static bool Lowest(CpuCore c, DecodedOp* op, Func<ulong, ulong> compute, Func<ulong, bool> carry)
    {
        if (!Operand<T>.TryGetSource(c, op, out var value))
        {
            return false;
        }

        var r = compute(value) & Width<T>.Mask;
        Width<T>.Set(c.State, op->Reg1, r);
        LazyFlags.SetResult<T>(c.State, r, carry(value), overflow: false);
        return true;
    }
}

/// <summary>ADCX and ADOX: additions whose only flag is CF, or OF.</summary>
internal static unsafe class AddWithOneFlag<T>
    where T : unmanaged
{
    public static bool Carry(CpuCore c, DecodedOp* op)
    {
        if (!TryAdd(c, op, LazyFlags.Carry(c.State), out var carry))
        {
            return false;
        }

        LazyFlags.SetCarry(c.State, carry);
        return true;
    }

    public static bool Overflow(CpuCore c, DecodedOp* op)
    {
        if (!TryAdd(c, op, LazyFlags.Overflow(c.State), out var carry))
        {
            return false;
        }

        LazyFlags.SetCarryOverflow(c.State, LazyFlags.Carry(c.State), carry);
        return true;
    }

    private static bool TryAdd(CpuCore c, DecodedOp* op, bool carryIn, out bool carryOut)
    {
        carryOut = false;
        if (!Operand<T>.TryGetSource(c, op, out var b))
        {
            return false;
        }

        var sum = (UInt128)Width<T>.Get(c.State, op->Reg1) + b + (carryIn ? 1UL : 0);
        Width<T>.Set(c.State, op->Reg1, (ulong)sum);
        carryOut = (sum >> Width<T>.Bits) != 0;
        return true;
    }
}
