namespace Vivarium.X86;

/// <summary>
/// How long an instruction is that does not exist. A processor finds the length by the opcode's map and ModRM byte, and only then that there is
/// no such instruction: a fault of fetching the rest comes before #UD (Intel SDM Vol. 3A table 7-2, classes 8 and 9).
/// </summary>
internal static class EncodingLength
{
    private const int Unknown = 0;

    /// <summary>
    /// Bytes of the instruction at the start of the code, more than there are if its ModRM or SIB byte is missing; 0 if its format is not known.
    /// </summary>
    public static int Of(ReadOnlySpan<byte> code, int bits)
    {
        var (at, hasOperandSize, hasAddressSize) = (0, false, false);
        for (; at < code.Length && IsPrefix(code[at], bits); at++)
        {
            hasOperandSize |= code[at] == 0x66;
            hasAddressSize |= code[at] == 0x67;
        }

        if (at >= code.Length)
        {
            return Unknown;
        }

        var immediate = (bits == 16) == hasOperandSize ? 4 : 2;
        immediate = (code[at], At(code, at + 1)) switch
        {
            (0xC4 or 0xC5, >= 0xC0) => SkipVex(code, ref at),
            (0xC4 or 0xC5, >= 0) when bits == 64 => SkipVex(code, ref at),
            (0x0F, 0x38 or 0x39 or (>= 0x3B and <= 0x3F)) => Skip(ref at, 2, 0),
            (0x0F, 0x3A) => Skip(ref at, 2, 1),
            (0x0F, >= 0 and var opcode) when HasModRm(opcode) => Skip(ref at, 1, ImmediateBytes(opcode)),
            (0x82 or 0xC6, _) => 1,
            (0xC7, _) => immediate,
            (0x8C or 0x8D or 0x8E or 0xFE or 0xFF or (>= 0xD8 and <= 0xDF), _) => 0,
            _ => -1,
        };
        if (immediate < 0)
        {
            return Unknown;
        }

        // Behind the opcode: ModRM with SIB and displacement, then the immediate.
        at++;
        var size = bits == 64 ? (hasAddressSize ? 32 : 64) : (bits == 16) == hasAddressSize ? 32 : 16;
        return at + ModRmBytes(code, at, size) + immediate;
    }

    private static bool IsPrefix(byte value, int bits) =>
        value is 0x66 or 0x67 or 0xF0 or 0xF2 or 0xF3 or 0x26 or 0x2E or 0x36 or 0x3E or 0x64 or 0x65 || (bits == 64 && (value & 0xF0) == 0x40);

    private static int At(ReadOnlySpan<byte> code, int index) => index < code.Length ? code[index] : -1;

    private static int Skip(ref int at, int bytes, int immediate)
    {
        at += bytes;
        return immediate;
    }

    /// <summary>
    /// Moves to the opcode; returns the immediate's bytes, −1 if there is no ModRM byte. In map 1 that is as behind 0F; maps that are reserved have
    /// none, as Intel's processors do it.
    /// </summary>
    private static int SkipVex(ReadOnlySpan<byte> code, ref int at)
    {
        var map = code[at] == 0xC5 ? 1 : code[at + 1] & 0x1F;
        at += code[at] == 0xC5 ? 2 : 3;
        var opcode = At(code, at);
        return map switch { 1 when HasModRm(opcode) => ImmediateBytes(opcode), 2 => 0, 3 => 1, _ => -1 };
    }

    /// <summary>Whether opcodes behind 0F have a ModRM byte of the usual kind; that of moves to control and debug registers never has memory.</summary>
    private static bool HasModRm(int opcode) => opcode is not ((>= 0x04 and <= 0x0C) or 0x0E or 0x0F or (>= 0x20 and <= 0x27) or (>= 0x30 and <= 0x3F) or 0x77
        or (>= 0x80 and <= 0x8F) or (>= 0xA0 and <= 0xA2) or (>= 0xA8 and <= 0xAA) or (>= 0xC8 and <= 0xCF));

    private static int ImmediateBytes(int opcode) => opcode is (>= 0x70 and <= 0x73) or 0xA4 or 0xAC or 0xBA or 0xC2 or (>= 0xC4 and <= 0xC6) ? 1 : 0;

    private static int ModRmBytes(ReadOnlySpan<byte> code, int at, int addressBits)
    {
        var modRm = At(code, at);
        var (mode, rm) = (modRm >> 6, modRm & 7);
        if (modRm < 0 || mode == 3)
        {
            return 1;
        }

        if (addressBits == 16)
        {
            return 1 + (mode == 0 ? (rm == 6 ? 2 : 0) : mode);
        }

        var sib = rm == 4 ? 1 : 0;
        var hasNoBase = mode == 0 && (rm == 5 || (sib != 0 && At(code, at + 1) is >= 0 and var value && (value & 7) == 5));
        return 1 + sib + (mode == 1 ? 1 : mode == 2 || hasNoBase ? 4 : 0);
    }
}
