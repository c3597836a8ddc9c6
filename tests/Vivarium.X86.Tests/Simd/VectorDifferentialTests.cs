using Iced.Intel;

namespace Vivarium.X86.Tests;

/// <summary>Every MMX, SSE, AES, PCLMULQDQ and SHA instruction on registers, compared with the host's own execution of it.</summary>
public sealed class VectorDifferentialTests
{
    private const uint AllMasked = 0x1F80;

    /// <summary>Approximations may differ from the host's; <see cref="ReciprocalTests"/> bounds them.</summary>
    private static readonly Mnemonic[] s_approximate = [Mnemonic.Rcpps, Mnemonic.Rcpss, Mnemonic.Rsqrtps, Mnemonic.Rsqrtss];

    private static int Repetitions => int.TryParse(Environment.GetEnvironmentVariable("VIVARIUM_TEST_REPETITIONS"), out var value) ? value : 400;

    public static TheoryData<string> Names()
    {
        var data = new TheoryData<string>();
        if (NativeRunner.IsSupported)
        {
            foreach (var code in InstructionForms.VectorCodes.Where(IsComparable))
            {
                data.Add(code.ToString());
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void MatchesTheHost(string name)
    {
        var code = Enum.Parse<Code>(name);
        using var native = new NativeRunner();
        using var machine = new EmulatedMachine();
        using var input = new NativeState();
        using var expected = new NativeState();
        using var actual = new NativeState();
        var operands = new Operands(name.Length * 7919 + (int)code);
        for (var repetition = 0; repetition < Repetitions; repetition++)
        {
            var instruction = InstructionForms.Registers(code, (byte)operands.Next(256))!.Value;
            Randomise(input, operands);
            Assert.True(machine.TryLower(instruction), $"{code} is not lowered.");
            native.Execute(InstructionForms.Encode(instruction), input, expected);
            machine.Load(input);
            Assert.True(machine.Execute());
            machine.Store(actual);
            DotProducts.Settle(code.Mnemonic(), expected.Xmm(instruction.Op0Register.GetNumber()), actual.Xmm(instruction.Op0Register.GetNumber()));
            var difference = Difference(expected, actual, AffectsFlags(code));
            Assert.True(difference is null, $"{code} imm {instruction.Immediate8:X2}, MXCSR {input.Mxcsr:X}: {difference}\n{Describe(input)}");
        }
    }

    [Fact]
    public void KnowsEveryInstruction()
    {
        using var machine = new EmulatedMachine();
        var missing = InstructionForms.VectorCodes
            .Where(code => InstructionForms.Registers(code, 0) is { } instruction && !machine.TryLower(instruction))
            .Select(code => code.ToString());
        Assert.Empty(missing);
    }

    private static bool IsComparable(Code code) =>
        InstructionForms.Registers(code, 0) is not null
        && !s_approximate.Contains(code.Mnemonic())
        && code.CpuidFeatures().All(HostFeatures.Has);

    private static bool AffectsFlags(Code code) => code.Mnemonic() is Mnemonic.Comiss or Mnemonic.Comisd or Mnemonic.Ucomiss
        or Mnemonic.Ucomisd or Mnemonic.Ptest or Mnemonic.Pcmpestri or Mnemonic.Pcmpestrm or Mnemonic.Pcmpistri or Mnemonic.Pcmpistrm
        or Mnemonic.Pcmpestri64 or Mnemonic.Pcmpestrm64;

    private static void Randomise(NativeState state, Operands operands)
    {
        for (var i = 0; i < 16; i++)
        {
            operands.Vector(state.Xmm(i));
            operands.Vector(state.YmmHigh(i));
        }

        if (operands.Next(4) == 0)
        {
            state.Xmm(1).CopyTo(state.Xmm(2));
        }

        for (var i = 0; i < 8; i++)
        {
            state.Stack(i) = new(operands.Double(), 0xFFFF);
        }

        if (operands.Next(3) == 0)
        {
            // Shift counts and string lengths near their limits.
            state.Xmm(2).Clear();
            state.Xmm(2)[0] = (byte)operands.Next(70);
            state.Stack(2) = new((ulong)operands.Next(70), 0xFFFF);
        }

        state.ControlWord = 0x37F;
        state.StatusWord = 0;
        state.Tags = 0xFF;
        state.Mxcsr = AllMasked | ((uint)operands.Next(4) << 13) | ((uint)operands.Next(64) & (uint)-operands.Next(2))
            | (operands.Next(3) == 0 ? 1u << 6 : 0) | (operands.Next(3) == 0 ? 1u << 15 : 0);
        if (operands.Next(2) == 0)
        {
            state.Mxcsr &= ~(3u << 13);
        }

        state.General[0] = operands.Next(2) == 0 ? operands.Bits() : (ulong)(long)operands.Next(40) - 20;
        state.General[1] = operands.Next(2) == 0 ? operands.Bits() : (ulong)(long)operands.Next(40) - 20;
        state.General[2] = operands.Next(2) == 0 ? operands.Bits() : (ulong)(long)operands.Next(40) - 20;
        state.General[3] = 2 | ((ulong)operands.Next(256) & 0xD5);
    }

    private static string? Difference(NativeState expected, NativeState actual, bool flags)
    {
        for (var i = 0; i < 16; i++)
        {
            if (!expected.Xmm(i).SequenceEqual(actual.Xmm(i)))
            {
                return $"XMM{i} is {Hex(actual.Xmm(i))}, host {Hex(expected.Xmm(i))}";
            }

            // Legacy instructions keep what is above.
            if (HostFeatures.HasAvx && !expected.YmmHigh(i).SequenceEqual(actual.YmmHigh(i)))
            {
                return $"the upper half of YMM{i} is {Hex(actual.YmmHigh(i))}, host {Hex(expected.YmmHigh(i))}";
            }
        }

        for (var i = 0; i < 8; i++)
        {
            if (expected.Stack(i) != actual.Stack(i))
            {
                return $"MM{i} is {actual.Stack(i)}, host {expected.Stack(i)}";
            }
        }

        for (var i = 0; i < 3; i++)
        {
            if (expected.General[i] != actual.General[i])
            {
                return $"register {i} is {actual.General[i]:X}, host {expected.General[i]:X}";
            }
        }

        var mask = flags ? Rflags.Arithmetic : 0;
        return (expected.General[3] & mask) != (actual.General[3] & mask) ? $"flags are {actual.General[3] & mask:X}, host {expected.General[3] & mask:X}"
            : expected.Mxcsr != actual.Mxcsr ? $"MXCSR is {actual.Mxcsr:X}, host {expected.Mxcsr:X}"
            : expected.StatusWord != actual.StatusWord ? $"FSW is {actual.StatusWord:X}, host {expected.StatusWord:X}"
            : expected.Tags != actual.Tags ? $"tags are {actual.Tags:X}, host {expected.Tags:X}"
            : null;
    }

    private static string Describe(NativeState input) =>
        $"XMM0 {Hex(input.Xmm(0))} XMM1 {Hex(input.Xmm(1))} XMM2 {Hex(input.Xmm(2))} MM1 {input.Stack(1).Significand:X16} MM2 {input.Stack(2).Significand:X16} "
        + $"RAX {input.General[0]:X} RCX {input.General[1]:X} RDX {input.General[2]:X}";

    private static string Hex(ReadOnlySpan<byte> bytes)
    {
        Span<byte> reversed = stackalloc byte[bytes.Length];
        bytes.CopyTo(reversed);
        reversed.Reverse();
        return Convert.ToHexString(reversed);
    }
}
