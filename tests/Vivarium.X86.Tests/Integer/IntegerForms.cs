namespace Vivarium.X86.Tests;

/// <summary>
/// Encodings of the integer instructions in every width, with RAX, RCX, RDX, AH, CH, DH and memory at [RDI+16] as operands: those that
/// <see cref="NativeRunner"/> can load.
/// </summary>
internal static class IntegerForms
{
    private const byte MemoryAtRdi = 0x47;

    private static readonly byte[][] s_widths = [[], [0x66], [0x48]];

    /// <summary>Every form, immediates included.</summary>
    public static IEnumerable<byte[]> All() =>
    [
        .. Arithmetic(), .. Groups(), .. Shifts(), .. DoubleShifts(), .. Multiplications(), .. BitInstructions(), .. Exchanges(), .. Conditionals(), .. Moves(), .. Vex(),
    ];

    /// <summary>ModRM bytes: a register field with a register or memory operand.</summary>
    private static IEnumerable<byte[]> Operands(int registerField, bool bytes, bool registers = true)
    {
        ReadOnlySpan<int> numbers = bytes ? [0, 1, 2, 4, 5, 6] : [0, 1, 2];
        List<byte[]> forms = [[(byte)(MemoryAtRdi | (registerField << 3)), 16]];
        if (registers)
        {
            foreach (var number in numbers)
            {
                forms.Add([(byte)(0xC0 | (registerField << 3) | number)]);
            }
        }

        return forms;
    }

    private static IEnumerable<byte[]> RegisterAndOperand(bool bytes, bool registers = true) =>
        (bytes ? new[] { 0, 2, 4, 5 } : [0, 1, 2]).SelectMany(register => Operands(register, bytes, registers));

    /// <summary>An opcode pair: the byte form, and the next opcode in three widths.</summary>
    private static IEnumerable<byte[]> Pair(byte[] opcode, Func<bool, IEnumerable<byte[]>> operands, params byte[] immediate)
    {
        foreach (var form in operands(true))
        {
            yield return [.. opcode, .. form, .. immediate];
        }

        byte[] next = [.. opcode[..^1], (byte)(opcode[^1] + 1)];
        foreach (var form in Wide(next, operands(false), immediate))
        {
            yield return form;
        }
    }

    private static IEnumerable<byte[]> Wide(byte[] opcode, IEnumerable<byte[]> operands, params byte[] immediate) =>
        from width in s_widths
        from form in operands
        select (byte[])[.. width, .. opcode, .. form, .. immediate];

    private static IEnumerable<byte[]> Arithmetic()
    {
        for (byte operation = 0; operation < 8; operation++)
        {
            var code = (byte)(operation * 8);
            foreach (var form in Pair([code], bytes => RegisterAndOperand(bytes)).Concat(Pair([(byte)(code + 2)], bytes => RegisterAndOperand(bytes))))
            {
                yield return form;
            }

            yield return [(byte)(code + 4), 0x9C];
            yield return [0x66, (byte)(code + 5), 0x34, 0xF2];
            yield return [(byte)(code + 5), 0x78, 0x56, 0x34, 0xF2];
            yield return [0x48, (byte)(code + 5), 0x78, 0x56, 0x34, 0xF2];
            foreach (var form in Pair([0x80], bytes => bytes ? Operands(operation, true) : [], 0x81).Concat(Wide([0x83], Operands(operation, false), 0x85)))
            {
                yield return form;
            }

            yield return [0x66, 0x81, (byte)(0xC2 | (operation << 3)), 0xFF, 0x7F];
            yield return [0x48, 0x81, (byte)(0xC2 | (operation << 3)), 0xFF, 0xFF, 0xFF, 0x80];
            if (operation != 7)
            {
                yield return [0xF0, code, 0x4F, 16];
                yield return [0xF0, 0x48, (byte)(code + 1), 0x4F, 16];
            }
        }
    }

    private static IEnumerable<byte[]> Groups()
    {
        for (var operation = 2; operation < 8; operation++)
        {
            foreach (var form in Pair([0xF6], bytes => Operands(operation, bytes)))
            {
                yield return form;
            }
        }

        foreach (var form in Pair([0xF6], bytes => bytes ? Operands(0, true) : [], 0x5A).Concat(Pair([0x84], bytes => RegisterAndOperand(bytes))))
        {
            yield return form;
        }

        foreach (var form in Pair([0xFE], bytes => Operands(0, bytes)).Concat(Pair([0xFE], bytes => Operands(1, bytes))))
        {
            yield return form;
        }
    }

    private static IEnumerable<byte[]> Shifts()
    {
        for (var operation = 0; operation < 8; operation++)
        {
            foreach (var form in Pair([0xD0], bytes => Operands(operation, bytes)).Concat(Pair([0xD2], bytes => Operands(operation, bytes))))
            {
                yield return form;
            }

            for (byte count = 0; count < 66; count++)
            {
                var immediate = count;
                foreach (var form in Pair([0xC0], bytes => Operands(operation, bytes).Where(form => form[0] is 0x47 or 0xC0 or 0xC6 || immediate % 8 == 1).Take(2), immediate))
                {
                    yield return form;
                }
            }
        }
    }

    private static IEnumerable<byte[]> DoubleShifts()
    {
        foreach (var opcode in new byte[] { 0xA4, 0xAC })
        {
            for (byte count = 0; count < 66; count++)
            {
                foreach (var form in Wide([0x0F, opcode], Operands(2, false).Take(2), count))
                {
                    yield return form;
                }
            }

            foreach (var form in Wide([0x0F, (byte)(opcode + 1)], Operands(2, false)))
            {
                yield return form;
            }
        }
    }

    private static IEnumerable<byte[]> Multiplications() =>
        Wide([0x0F, 0xAF], RegisterAndOperand(false)).Concat(Wide([0x6B], RegisterAndOperand(false), 0x93))
            .Concat([[0x66, 0x69, 0xC1, 0x34, 0x92], [0x69, 0xC1, 1, 2, 3, 0x94], [0x48, 0x69, 0xC1, 1, 2, 3, 0x94]]);

    private static IEnumerable<byte[]> BitInstructions()
    {
        foreach (var opcode in new byte[] { 0xA3, 0xAB, 0xB3, 0xBB })
        {
            foreach (var form in Wide([0x0F, opcode], Operands(1, false)))
            {
                yield return form;
            }
        }

        for (var operation = 4; operation < 8; operation++)
        {
            foreach (var form in Wide([0x0F, 0xBA], Operands(operation, false), 0x2D))
            {
                yield return form;
            }
        }

        foreach (var form in Wide([0x0F, 0xBC], RegisterAndOperand(false)).Concat(Wide([0x0F, 0xBD], RegisterAndOperand(false))))
        {
            yield return form;
        }

        foreach (var opcode in new byte[] { 0xB8, 0xBC, 0xBD })
        {
            foreach (var form in RegisterAndOperand(false))
            {
                yield return [0xF3, 0x0F, opcode, .. form];
                yield return [0x66, 0xF3, 0x0F, opcode, .. form];
                yield return [0xF3, 0x48, 0x0F, opcode, .. form];
            }
        }

        foreach (var prefix in new byte[] { 0x66, 0xF3 })
        {
            foreach (var form in RegisterAndOperand(false))
            {
                yield return [prefix, 0x0F, 0x38, 0xF6, .. form];
                yield return [prefix, 0x48, 0x0F, 0x38, 0xF6, .. form];
            }
        }
    }

    private static IEnumerable<byte[]> Exchanges()
    {
        foreach (var opcode in (byte[][])[[0x0F, 0xB0], [0x0F, 0xC0], [0x86]])
        {
            foreach (var form in Pair(opcode, bytes => RegisterAndOperand(bytes)))
            {
                yield return form;
            }
        }

        for (byte register = 0; register < 3; register++)
        {
            yield return [0x0F, (byte)(0xC8 + register)];
            yield return [0x48, 0x0F, (byte)(0xC8 + register)];
            yield return [0x48, (byte)(0x90 + register)];
        }

        yield return [0xF0, 0x48, 0x0F, 0xB1, 0x4F, 16];
        yield return [0xF0, 0x48, 0x0F, 0xC1, 0x4F, 16];
    }

    private static IEnumerable<byte[]> Conditionals()
    {
        for (byte condition = 0; condition < 16; condition++)
        {
            foreach (var form in Operands(0, true))
            {
                yield return [0x0F, (byte)(0x90 + condition), .. form];
            }

            foreach (var form in Wide([0x0F, (byte)(0x40 + condition)], Operands(2, false)))
            {
                yield return form;
            }
        }
    }

    private static IEnumerable<byte[]> Moves()
    {
        foreach (var form in Pair([0x88], bytes => RegisterAndOperand(bytes)).Concat(Pair([0x8A], bytes => RegisterAndOperand(bytes))))
        {
            yield return form;
        }

        foreach (var opcode in new byte[] { 0xB6, 0xB7, 0xBE, 0xBF })
        {
            // A byte source may be AH to DH only without REX.
            foreach (var form in Operands(2, opcode is 0xB6 or 0xBE))
            {
                yield return [0x0F, opcode, .. form];
                yield return [0x66, 0x0F, opcode, .. form];
            }

            yield return [0x48, 0x0F, opcode, 0xD1];
            yield return [0x48, 0x0F, opcode, 0x57, 16];
        }

        foreach (var opcode in new byte[] { 0x98, 0x99 })
        {
            foreach (var width in s_widths)
            {
                yield return [.. width, opcode];
            }
        }

        foreach (var form in Wide([0x0F, 0x38, 0xF0], RegisterAndOperand(false, false)).Concat(Wide([0x0F, 0x38, 0xF1], RegisterAndOperand(false, false))))
        {
            yield return form;
        }

        foreach (var form in (byte[][])[[0x48, 0x63, 0xC1], [0x63, 0xC1], [0x48, 0x63, 0x57, 16], [0xF5], [0xF8], [0xF9], [0x9E], [0x9F], [0xB4, 0x5A], [0xC7, 0xC0, 1, 2, 3, 0x84], [0x48, 0xC7, 0xC0, 1, 2, 3, 0x84], [0x48, 0x8D, 0x44, 0x91, 0x85], [0x8D, 0x44, 0x91, 0x85], [0x67, 0x48, 0x8D, 0x44, 0x91, 0x85], [0x66, 0x8D, 0x44, 0x91, 0x85]])
        {
            yield return form;
        }
    }

    /// <summary>BMI1 and BMI2 on RAX, RCX and RDX.</summary>
    private static IEnumerable<byte[]> Vex()
    {
        foreach (var wide in new byte[] { 0, 0x80 })
        {
            foreach (var operand in (byte[][])[[0xC1], [0x47, 16]])
            {
                yield return [0xC4, 0xE2, (byte)(0x68 | wide), 0xF2, .. operand];
                yield return [0xC4, 0xE2, (byte)(0x68 | wide), 0xF7, .. operand];
                for (var operation = 1; operation < 4; operation++)
                {
                    yield return [0xC4, 0xE2, (byte)(0x68 | wide), 0xF3, (byte)(operand[0] & 0xC7 | (operation << 3)), .. operand[1..]];
                    yield return [0xC4, 0xE2, (byte)(0x68 | operation | wide), 0xF7, .. operand];
                }

                // BZHI, PEXT, PDEP, MULX (also with one destination for both parts), RORX.
                yield return [0xC4, 0xE2, (byte)(0x68 | wide), 0xF5, .. operand];
                yield return [0xC4, 0xE2, (byte)(0x6A | wide), 0xF5, .. operand];
                yield return [0xC4, 0xE2, (byte)(0x6B | wide), 0xF5, .. operand];
                yield return [0xC4, 0xE2, (byte)(0x6B | wide), 0xF6, .. operand];
                yield return [0xC4, 0xE2, (byte)(0x7B | wide), 0xF6, .. operand];
                yield return [0xC4, 0xE3, (byte)(0x7B | wide), 0xF0, .. operand, 13];
                yield return [0xC4, 0xE3, (byte)(0x7B | wide), 0xF0, .. operand, 0xE5];
            }
        }
    }
}
