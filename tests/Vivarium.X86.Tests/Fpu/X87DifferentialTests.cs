using Iced.Intel;

namespace Vivarium.X86.Tests;

/// <summary>Every x87 instruction on registers, compared with the host's, over all control words, masked and unmasked.</summary>
public sealed class X87DifferentialTests
{
    /// <summary>Their results may differ in the last place; see <see cref="TranscendentalTests"/>.</summary>
    private static readonly Mnemonic[] s_approximate =
    [
        Mnemonic.F2xm1, Mnemonic.Fyl2x, Mnemonic.Fyl2xp1, Mnemonic.Fpatan, Mnemonic.Fptan, Mnemonic.Fsin, Mnemonic.Fcos, Mnemonic.Fsincos,
    ];

    private static int Repetitions => int.TryParse(Environment.GetEnvironmentVariable("VIVARIUM_TEST_REPETITIONS"), out var value) ? value : 3000;

    public static TheoryData<string> Names()
    {
        var data = new TheoryData<string>();
        if (NativeRunner.IsSupported)
        {
            foreach (var code in InstructionForms.X87Codes.Where(code => !s_approximate.Contains(code.Mnemonic())))
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
        var operands = new Operands(name.Length * 104729 + (int)code);
        for (var repetition = 0; repetition < Repetitions; repetition++)
        {
            var instruction = InstructionForms.Registers(code, 0, operands.Next(8))!.Value;
            X87States.Randomise(input, operands);
            Assert.True(machine.TryLower(instruction), $"{code} is not lowered.");
            native.Execute(InstructionForms.Encode(instruction), input, expected);
            machine.Load(input);
            Assert.True(machine.Execute());
            machine.Store(actual);
            if (code == Code.Fstpnce_sti && (input.Tags & (1 << ((input.StatusWord >> X87Unit.TopShift) & 7))) == 0)
            {
                // What this undocumented instruction makes of an empty register differs between processors.
                continue;
            }

            if (code.Mnemonic() is Mnemonic.Fprem or Mnemonic.Fprem1 && (expected.StatusWord & actual.StatusWord & X87Unit.C2) != 0)
            {
                // How far a partial remainder goes is up to the implementation.
                continue;
            }

            if (code.Mnemonic() is Mnemonic.Fcomi or Mnemonic.Fcomip or Mnemonic.Fucomi or Mnemonic.Fucomip)
            {
                // Intel clears C1, AMD keeps it.
                expected.StatusWord &= unchecked((ushort)~X87Unit.C1);
                actual.StatusWord &= unchecked((ushort)~X87Unit.C1);
            }

            var difference = X87States.Difference(expected, actual);
            Assert.True(difference is null, $"{instruction} FCW {input.ControlWord:X} FSW {input.StatusWord:X} tags {input.Tags:X}: {difference}\n{X87States.Describe(input)}");
        }
    }

    [Fact]
    public void KnowsEveryInstruction()
    {
        using var machine = new EmulatedMachine();
        var missing = InstructionForms.X87Codes.Where(code => !machine.TryLower(InstructionForms.Registers(code, 0)!.Value)).Select(code => code.ToString());
        Assert.Empty(missing);
    }
}
