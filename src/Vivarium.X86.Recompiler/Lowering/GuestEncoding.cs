namespace Vivarium.X86;

/// <summary>
/// The parts of a guest instruction's encoding that survive re-encoding (Intel SDM Vol. 2A §2.1–2.3). Short forms with the register in the
/// opcode are turned into ModRM forms.
/// </summary>
internal ref struct GuestEncoding
{
    public bool Lock;
    public bool OperandSize;

    /// <summary>F2 or F3, or 0.</summary>
    public byte Repeat;

    public bool Wide;

    /// <summary>0 for one-byte opcodes, 1 for 0F, 2 for 0F38, 3 for 0F3A.</summary>
    public int Map;

    public byte Opcode;
    public bool HasModRm;

    /// <summary>ModRM.reg with its extension bit.</summary>
    public int Reg;

    /// <summary>Whether ModRM.rm is a register; its number then.</summary>
    public bool RmIsRegister;

    public int Rm;
    public bool IsVex;

    /// <summary>VEX.L.</summary>
    public bool Long;

    /// <summary>VEX.vvvv, not inverted.</summary>
    public int Vvvv;

    /// <summary>VEX.pp.</summary>
    public int Pp;

    /// <summary>Immediate bytes.</summary>
    public ReadOnlySpan<byte> Immediate;

    /// <summary>Parses an instruction that the decoder found valid and that has no 16-bit address.</summary>
    public static GuestEncoding Parse(ReadOnlySpan<byte> bytes, bool longMode)
    {
        var e = default(GuestEncoding);
        var at = 0;
        var rex = 0;
        for (; ; at++)
        {
            var b = bytes[at];
            if (longMode && (b & 0xF0) == 0x40)
            {
                rex = b;
                continue;
            }

            if (b == 0xF0)
            {
                e.Lock = true;
            }
            else if (b == 0x66)
            {
                e.OperandSize = true;
            }
            else if (b is 0xF2 or 0xF3)
            {
                e.Repeat = b;
            }
            else if (b is not (0x67 or 0x2E or 0x36 or 0x3E or 0x26 or 0x64 or 0x65))
            {
                break;
            }

            // Only the byte before the opcode is a REX prefix.
            rex = 0;
        }

        e.Wide = (rex & 8) != 0;
        var opcode = bytes[at++];
        if (opcode is 0xC4 or 0xC5 && (longMode || bytes[at] >= 0xC0))
        {
            e.ParseVex(bytes, opcode, ref at, ref rex);
            if (!longMode)
            {
                // There are eight registers: the bits for more are ignored.
                rex = 0;
                e.Vvvv &= 7;
            }
        }
        else if (opcode == 0x0F)
        {
            e.Map = bytes[at] switch { 0x38 => 2, 0x3A => 3, _ => 1 };
            at += e.Map == 1 ? 0 : 1;
            e.Opcode = bytes[at++];
            e.HasModRm = e.Map != 1 || !IsPlain0F(e.Opcode);
        }
        else
        {
            // 82 is 80 again, and gone in 64-bit mode.
            e.Opcode = opcode == 0x82 ? (byte)0x80 : opcode;
            e.HasModRm = HasModRmByte(opcode);
            if (!e.HasModRm && e.Normalize(rex))
            {
                e.Immediate = bytes[at..];
                return e;
            }
        }

        if (e.HasModRm)
        {
            e.ParseModRm(bytes, ref at, rex);
        }
        else if (e.Map == 1)
        {
            // BSWAP: the register is in the opcode.
            e.Rm = (e.Opcode & 7) | ((rex & 1) << 3);
        }

        e.Immediate = bytes[at..];
        return e;
    }

    /// <summary>Where the opcode begins, behind all prefixes.</summary>
    public static int OpcodeAt(ReadOnlySpan<byte> bytes, bool longMode)
    {
        var at = 0;
        while (bytes[at] is 0xF0 or 0x66 or 0xF2 or 0xF3 or 0x67 or 0x2E or 0x36 or 0x3E or 0x26 or 0x64 or 0x65 || (longMode && (bytes[at] & 0xF0) == 0x40))
        {
            at++;
        }

        return at;
    }

    private static bool IsPlain0F(byte opcode) => opcode is >= 0xC8 and <= 0xCF;

    /// <summary>One-byte opcodes with ModRM, of those that are re-encoded.</summary>
    private static bool HasModRmByte(byte opcode) => opcode switch
    {
        < 0x40 => (opcode & 7) < 4,
        0x63 or 0x69 or 0x6B => true,
        >= 0x80 and <= 0x8F => true,
        0xC0 or 0xC1 or 0xC6 or 0xC7 => true,
        >= 0xD0 and <= 0xD3 => true,
        >= 0xD8 and <= 0xDF => true,
        0xF6 or 0xF7 or 0xFE or 0xFF => true,
        _ => false,
    };

    /// <summary>Turns the short forms of MOV, XCHG, INC and DEC into those with ModRM.</summary>
    private bool Normalize(int rex)
    {
        var low = (Opcode & 7) | ((rex & 1) << 3);
        switch (Opcode)
        {
            case >= 0x40 and <= 0x4F: Reg = (Opcode >> 3) & 1; Opcode = 0xFF; break;
            case >= 0x91 and <= 0x97: Reg = 0; Opcode = 0x87; break;
            case 0x90: Reg = 0; Opcode = 0x87; break;
            case >= 0xA0 and <= 0xA3:
                // To and from an absolute address: MOV with AL or rAX.
                Opcode = (byte)(Opcode switch { 0xA0 => 0x8A, 0xA1 => 0x8B, 0xA2 => 0x88, _ => 0x89 });
                HasModRm = true;
                Immediate = default;
                return false;
            case >= 0xB0 and <= 0xB7: Reg = 0; Opcode = 0xC6; break;
            case >= 0xB8 and <= 0xBF: Reg = 0; Opcode = 0xC7; break;
            default: return true;
        }

        HasModRm = true;
        RmIsRegister = true;
        Rm = low;
        return true;
    }

    private void ParseVex(ReadOnlySpan<byte> bytes, byte first, ref int at, ref int rex)
    {
        IsVex = true;
        var inverted = bytes[at++];
        rex = (inverted & 0x80) == 0 ? 4 : 0;
        Map = 1;
        var last = inverted;
        if (first == 0xC4)
        {
            rex |= ((inverted & 0x40) == 0 ? 2 : 0) | ((inverted & 0x20) == 0 ? 1 : 0);
            Map = inverted & 0x1F;
            last = bytes[at++];
            Wide = (last & 0x80) != 0;
        }

        Vvvv = (~last >> 3) & 15;
        Long = (last & 4) != 0;
        Pp = last & 3;
        Opcode = bytes[at++];
        HasModRm = Opcode != 0x77 || Map != 1;
    }

    private void ParseModRm(ReadOnlySpan<byte> bytes, ref int at, int rex)
    {
        if (!IsVex && Map == 0 && Opcode is 0x8A or 0x8B or 0x88 or 0x89 && bytes[at - 1] is >= 0xA0 and <= 0xA3)
        {
            // An absolute address stands in place of ModRM; what follows it is nothing.
            at = bytes.Length;
            return;
        }

        var modRm = bytes[at++];
        var mode = modRm >> 6;
        Reg = ((modRm >> 3) & 7) | ((rex & 4) << 1);
        RmIsRegister = mode == 3;
        Rm = (modRm & 7) | ((rex & 1) << 3);
        if (RmIsRegister)
        {
            return;
        }

        var displacement = mode switch { 1 => 1, 2 => 4, _ => 0 };
        if ((modRm & 7) == 4)
        {
            displacement = mode == 0 && (bytes[at] & 7) == 5 ? 4 : displacement;
            at++;
        }
        else if (mode == 0 && (modRm & 7) == 5)
        {
            displacement = 4;
        }

        at += displacement;
    }
}
