namespace Vivarium.X86.Tests;

/// <summary>Random x87 states and their comparison.</summary>
internal static class X87States
{
    /// <summary>Fills registers, tags, TOP, flags and control word; no exception is pending.</summary>
    public static void Randomise(NativeState state, Operands operands, bool masked = false)
    {
        for (var i = 0; i < 8; i++)
        {
            state.Stack(i) = operands.Extended();
        }

        if (operands.Next(4) == 0)
        {
            state.Stack(1) = state.Stack(0);
        }
        else if (operands.Next(4) == 0)
        {
            // Close to ST(0), for cancellation and short remainders.
            var near = state.Stack(0).SignExponent + operands.Next(5) - 2;
            state.Stack(1) = new(operands.Bits() | FloatParts.IntegerBit, (ushort)Math.Clamp(near, 0, 0xFFFF));
        }

        var masks = operands.Next(2) == 0 || masked ? 0x3F : operands.Next(64);
        state.ControlWord = (ushort)(0x40 | masks | (operands.Next(4) << 8) | (operands.Next(4) << 10));
        if ((state.ControlWord & 0x300) == 0x100)
        {
            state.ControlWord |= 0x300;
        }

        var flags = operands.Next(64) & masks & -operands.Next(2);
        state.StatusWord = (ushort)((operands.Next(8) << 11) | flags | (operands.Next(16) is var cc ? ((cc & 7) << 8) | ((cc >> 3) << 14) : 0));
        state.Tags = operands.Next(4) switch
        {
            0 => (byte)operands.Next(256),
            1 => 0xFF,
            _ => (byte)(0xFF & ~(1 << ((((state.StatusWord >> 11) & 7) + 7) & 7))),
        };
        state.Mxcsr = 0x1F80;
        state.General[0] = operands.Bits();
        state.General[3] = 2 | ((ulong)operands.Next(256) & 0xD5) | (operands.Next(2) == 0 ? Rflags.Of : 0);
    }

    public static string? Difference(NativeState expected, NativeState actual)
    {
        for (var i = 0; i < 8; i++)
        {
            if (expected.Stack(i) != actual.Stack(i))
            {
                return $"ST({i}) is {Show(actual.Stack(i))}, host {Show(expected.Stack(i))}; FSW {actual.StatusWord:X}, host {expected.StatusWord:X}";
            }
        }

        return expected.StatusWord != actual.StatusWord ? $"FSW is {actual.StatusWord:X}, host {expected.StatusWord:X}"
            : expected.ControlWord != actual.ControlWord ? $"FCW is {actual.ControlWord:X}, host {expected.ControlWord:X}"
            : expected.Tags != actual.Tags ? $"tags are {actual.Tags:X}, host {expected.Tags:X}"
            : expected.General[0] != actual.General[0] ? $"RAX is {actual.General[0]:X}, host {expected.General[0]:X}"
            : ((expected.General[3] ^ actual.General[3]) & Rflags.Arithmetic) != 0 ? $"flags are {actual.General[3]:X}, host {expected.General[3]:X}"
            : null;
    }

    public static string Describe(NativeState state) =>
        string.Join(' ', Enumerable.Range(0, 8).Select(i => $"ST{i}={Show(state.Stack(i))}"));

    private static string Show(Float80 value) => $"{value.SignExponent:X4}:{value.Significand:X16}";
}
