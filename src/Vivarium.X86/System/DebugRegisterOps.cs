namespace Vivarium.X86;

/// <summary>MOV to and from debug registers (Intel SDM Vol. 3B §18.2). The register number is <see cref="DecodedOp.Immediate"/>.</summary>
internal static unsafe class DebugRegisterOps
{
    private const ulong Dr6Fixed = 0xFFFF0FF0;
    private const ulong Dr6Writable = 0xE00F;
    private const ulong Dr7Writable = 0xFFFF23FF;
    private const ulong Dr7Fixed = 0x400;
    private const ulong GeneralDetect = 1 << 13;

    public static bool Read(CpuCore c, DecodedOp* op)
    {
        if (!Check(c, op, out var number))
        {
            return false;
        }

        var value = c.State->Dr[number];
        *(ulong*)((byte*)c.State + op->Reg1) = c.Is64BitCode ? value : (uint)value;
        return true;
    }

    public static bool Write(CpuCore c, DecodedOp* op)
    {
        if (!Check(c, op, out var number))
        {
            return false;
        }

        var s = c.State;
        var value = *(ulong*)((byte*)s + op->Reg2);
        value = c.Is64BitCode ? value : (uint)value;
        if (number >= 6 && (value >> 32) != 0)
        {
            return c.RaiseGp();
        }

        s->Dr[number] = number switch
        {
            6 => (value & Dr6Writable) | Dr6Fixed,
            7 => (value & Dr7Writable) | Dr7Fixed,
            _ => value,
        };

        // Watched pages must miss in the TLB, and others may be cached again.
        c.FlushTlb();
        return true;
    }

    private static bool Check(CpuCore c, DecodedOp* op, out int number)
    {
        var s = c.State;
        number = (int)op->Immediate;
        if (number is 4 or 5)
        {
            if ((s->Cr4 & ControlBits.Cr4De) != 0)
            {
                return c.RaiseUd();
            }

            number += 2;
        }
        else if (number > 7)
        {
            return c.RaiseUd();
        }

        if (!SystemOps.CheckCpl0(c))
        {
            return false;
        }

        if ((s->Dr[7] & GeneralDetect) != 0)
        {
            s->Dr[6] |= GeneralDetect;
            s->FlagSystem |= Rflags.Rf;
            return c.Raise(ExceptionVector.Debug);
        }

        return true;
    }
}
