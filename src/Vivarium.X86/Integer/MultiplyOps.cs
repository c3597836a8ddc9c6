namespace Vivarium.X86;

/// <summary>MUL, IMUL, DIV and IDIV (Intel SDM Vol. 2). SF, ZF, AF and PF are undefined after all of them; they follow the low result here.</summary>
internal static unsafe class Multiply<T>
    where T : unmanaged
{
    private const int Rax = 0;
    private const int Rdx = 16;

    public static bool Unsigned(CpuCore c, DecodedOp* op)
    {
        if (!Operand<T>.TryGetSource(c, op, out var b))
        {
            return false;
        }

        var s = c.State;
        var high = Math.BigMul(Width<T>.Get(s, Rax), b, out var low);
        StoreProduct(s, high, low, out high, out low);
        var significant = high != 0;
        LazyFlags.SetResult<T>(s, low, significant, significant);
        return true;
    }

    public static bool Signed(CpuCore c, DecodedOp* op)
    {
        if (!Operand<T>.TryGetSource(c, op, out var b))
        {
            return false;
        }

        var s = c.State;
        var high = (ulong)Math.BigMul((long)Width<T>.SignExtend(Width<T>.Get(s, Rax)), (long)Width<T>.SignExtend(b), out var lowSigned);
        StoreProduct(s, high, (ulong)lowSigned, out high, out var low);
        var overflow = high != ((long)Width<T>.SignExtend(low) < 0 ? Width<T>.Mask : 0);
        LazyFlags.SetResult<T>(s, low, overflow, overflow);
        return true;
    }

    /// <summary>IMUL r, r/m.</summary>
    public static bool TwoOperand(CpuCore c, DecodedOp* op) =>
        Operand<T>.TryGetSource(c, op, out var b) && Truncated(c.State, op, Width<T>.Get(c.State, op->Reg1), b);

    /// <summary>IMUL r, r/m, imm.</summary>
    public static bool ThreeOperand(CpuCore c, DecodedOp* op) =>
        Operand<T>.TryGetSource(c, op, out var b) && Truncated(c.State, op, (ulong)op->Immediate, b);

    public static bool DivideUnsigned(CpuCore c, DecodedOp* op)
    {
        if (!Operand<T>.TryGetSource(c, op, out var divisor))
        {
            return false;
        }

        var s = c.State;
        LoadDividend(s, out var high, out var low);
        if (divisor == 0 || high >= divisor)
        {
            return c.Raise(ExceptionVector.DivideError);
        }

        if (sizeof(T) == 8)
        {
            var dividend = new UInt128(high, low);
            var quotient = high == 0 ? low / divisor : (ulong)(dividend / divisor);
            StoreQuotient(s, quotient, low - (quotient * divisor));
        }
        else
        {
            var dividend = (high << Width<T>.Bits) | low;
            StoreQuotient(s, dividend / divisor, dividend % divisor);
        }

        return true;
    }

    public static bool DivideSigned(CpuCore c, DecodedOp* op)
    {
        if (!Operand<T>.TryGetSource(c, op, out var raw))
        {
            return false;
        }

        var s = c.State;
        var divisor = (long)Width<T>.SignExtend(raw);
        LoadDividend(s, out var high, out var low);
        if (divisor == 0)
        {
            return c.Raise(ExceptionVector.DivideError);
        }

        var dividend = sizeof(T) == 8
            ? (Int128)new UInt128(high, low)
            : (Int128)(((long)Width<T>.SignExtend(high) << Width<T>.Bits) | (long)low);
        if (divisor == -1 && dividend == Int128.MinValue)
        {
            // The one division that .NET itself cannot do.
            return c.Raise(ExceptionVector.DivideError);
        }

        var quotient = dividend / divisor;
        if (quotient < -(Int128)Width<T>.SignBit || quotient >= (Int128)Width<T>.SignBit)
        {
            return c.Raise(ExceptionVector.DivideError);
        }

        StoreQuotient(s, (ulong)(long)quotient, (ulong)(long)(dividend - (quotient * divisor)));
        return true;
    }

    private static bool Truncated(CpuState* s, DecodedOp* op, ulong a, ulong b)
    {
        var high = Math.BigMul((long)Width<T>.SignExtend(a), (long)Width<T>.SignExtend(b), out var low);
        var r = Width<T>.SignExtend((ulong)low);
        var overflow = sizeof(T) == 8 ? high != low >> 63 : (long)r != low;
        Width<T>.Set(s, op->Reg1, (ulong)low);
        LazyFlags.SetResult<T>(s, (ulong)low, overflow, overflow);
        return true;
    }

    private static void StoreProduct(CpuState* s, ulong high64, ulong low64, out ulong high, out ulong low)
    {
        if (sizeof(T) == 8)
        {
            high = high64;
            low = low64;
        }
        else
        {
            low = low64 & Width<T>.Mask;
            high = (low64 >> Width<T>.Bits) & Width<T>.Mask;
        }

        if (sizeof(T) == 1)
        {
            Width<ushort>.Set(s, Rax, low64);
        }
        else
        {
            Width<T>.Set(s, Rax, low);
            Width<T>.Set(s, Rdx, high);
        }
    }

    private static void LoadDividend(CpuState* s, out ulong high, out ulong low)
    {
        low = Width<T>.Get(s, Rax);
        high = sizeof(T) == 1 ? Width<byte>.Get(s, Rax + 1) : Width<T>.Get(s, Rdx);
    }

    private static void StoreQuotient(CpuState* s, ulong quotient, ulong remainder)
    {
        if (sizeof(T) == 1)
        {
            Width<byte>.Set(s, Rax, quotient);
            Width<byte>.Set(s, Rax + 1, remainder);
        }
        else
        {
            Width<T>.Set(s, Rax, quotient);
            Width<T>.Set(s, Rdx, remainder);
        }
    }
}
