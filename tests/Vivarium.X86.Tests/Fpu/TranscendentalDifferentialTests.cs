using Iced.Intel;

namespace Vivarium.X86.Tests;

/// <summary>The transcendental instructions against the host's: special operands and stack faults exactly, values to the last places.</summary>
public sealed class TranscendentalDifferentialTests
{
    private const int Repetitions = 3000;

    /// <summary>How far the host's own approximation may be off, in units of the last place.</summary>
    private const ulong ToleranceUlps = 2;

    public static TheoryData<Code> Codes() => NativeRunner.IsSupported
        ? [Code.F2xm1, Code.Fyl2x, Code.Fyl2xp1, Code.Fpatan, Code.Fptan, Code.Fsin, Code.Fcos, Code.Fsincos]
        : [];

    [Theory]
    [MemberData(nameof(Codes))]
    public void IsCloseToTheHost(Code code)
    {
        using var native = new NativeRunner();
        using var machine = new EmulatedMachine();
        using var input = new NativeState();
        using var expected = new NativeState();
        using var actual = new NativeState();
        var operands = new Operands((int)code);
        var instruction = InstructionForms.Registers(code, 0)!.Value;
        var bytes = InstructionForms.Encode(instruction);
        Assert.True(machine.TryLower(instruction));
        for (var repetition = 0; repetition < Repetitions; repetition++)
        {
            X87States.Randomise(input, operands, masked: true);
            if (IsUndefined(code, input))
            {
                continue;
            }

            native.Execute(bytes, input, expected);
            machine.Load(input);
            Assert.True(machine.Execute());
            machine.Store(actual);

            // Which way an approximation was rounded, and whether it was inexact, differ with it.
            const ushort Approximate = X87Unit.C1 | (ushort)FloatFlags.Precision | (ushort)FloatFlags.Underflow;
            var fault = (expected.StatusWord & X87Unit.StackFault) != 0;
            var mask = unchecked((ushort)~(fault ? 0 : Approximate));
            var what = $"{code} FCW {input.ControlWord:X} FSW {input.StatusWord:X} tags {input.Tags:X} {X87States.Describe(input)}";
            Assert.True((expected.StatusWord & mask) == (actual.StatusWord & mask), $"FSW {actual.StatusWord:X}, host {expected.StatusWord:X}: {what}");
            Assert.True(expected.Tags == actual.Tags, $"tags {actual.Tags:X}, host {expected.Tags:X}: {what}");
            for (var i = 0; i < 8; i++)
            {
                Assert.True(IsClose(expected.Stack(i), actual.Stack(i)), $"ST({i}) {actual.Stack(i)}, host {expected.Stack(i)}: {what}");
            }
        }
    }

    /// <summary>Operands outside the range for which the manuals define a result, and arguments whose reduction by π the vendors do differently.</summary>
    private static bool IsUndefined(Code code, NativeState state)
    {
        var (first, second) = (state.Stack(0).Unpack(), state.Stack(1).Unpack());
        return code switch
        {
            Code.F2xm1 => first.Class == FloatClass.Finite && first.Exponent >= 0,
            Code.Fyl2xp1 => first.Class == FloatClass.Infinity || (first.Class == FloatClass.Finite && first.Exponent >= -2),
            Code.Fsin or Code.Fcos or Code.Fsincos or Code.Fptan => first.Class == FloatClass.Finite && first.Exponent is >= 0 and < FloatTrigonometry.RangeExponent,
            _ => second.Class == FloatClass.Unsupported && first.Class == FloatClass.Unsupported,
        };
    }

    private static bool IsClose(Float80 expected, Float80 actual)
    {
        if (expected == actual)
        {
            return true;
        }

        var (a, b) = (Position(expected), Position(actual));
        return expected.Sign == actual.Sign
            && expected.BiasedExponent != 0x7FFF
            && actual.BiasedExponent != 0x7FFF
            && (a > b ? a - b : b - a) <= ToleranceUlps;
    }

    /// <summary>Numbers all magnitudes in order.</summary>
    private static UInt128 Position(Float80 value) => ((UInt128)(uint)Math.Max(value.BiasedExponent, 1) << 63) + value.Significand;
}
