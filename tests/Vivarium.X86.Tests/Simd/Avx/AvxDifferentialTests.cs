using System.Runtime.InteropServices;
using Iced.Intel;

namespace Vivarium.X86.Tests;

/// <summary>Every VEX-encoded vector instruction, on registers and on memory, compared with the host's own execution of it.</summary>
public sealed class AvxDifferentialTests
{
    private const uint AllMasked = 0x1F80;

    /// <summary>Approximations may differ from the host's; <see cref="ReciprocalTests"/> bounds them.</summary>
    private static readonly Mnemonic[] s_approximate = [Mnemonic.Vrcpps, Mnemonic.Vrcpss, Mnemonic.Vrsqrtps, Mnemonic.Vrsqrtss];

    private static int Repetitions => int.TryParse(Environment.GetEnvironmentVariable("VIVARIUM_TEST_REPETITIONS"), out var value) ? value : 200;

    public static TheoryData<string, bool> Names()
    {
        var data = new TheoryData<string, bool>();
        var operands = new Operands(1);
        foreach (var code in VexForms.Codes.Where(IsComparable))
        {
            foreach (var memory in (bool[])[false, true])
            {
                if (VexForms.Build(code, memory, operands) is not null)
                {
                    data.Add(code.ToString(), memory);
                }
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void MatchesTheHost(string name, bool memory)
    {
        var code = Enum.Parse<Code>(name);
        using var native = new NativeRunner();
        using var machine = new EmulatedMachine();
        using var input = new NativeState();
        using var expected = new NativeState();
        using var actual = new NativeState();
        var operands = new Operands((name.Length * 7919) + (int)code + (memory ? 1 : 0));
        for (var repetition = 0; repetition < Repetitions; repetition++)
        {
            var instruction = VexForms.Build(code, memory, operands)!.Value;
            Randomise(input, operands);
            if (VexForms.IsGather(code))
            {
                RandomiseGather(input, instruction, operands);
            }

            else if (code == Code.VEX_Vldmxcsr_m32)
            {
                MemoryMarshal.Write(input.Memory[32..], (uint)(ushort)operands.Bits() | AllMasked);
            }

            Assert.True(machine.TryLower(instruction), $"{code} is not lowered.");
            native.Execute(InstructionForms.Encode(instruction), input, expected);
            machine.Load(input);
            Assert.True(machine.Execute(), $"{instruction}: {machine.Core.FaultVector}");
            machine.Store(actual);
            machine.Memory.CopyTo(actual.Memory);
            var destination = instruction.Op0Register.IsVectorRegister() ? instruction.Op0Register.GetNumber() : 0;
            DotProducts.Settle(code.Mnemonic(), expected.Xmm(destination), actual.Xmm(destination));
            DotProducts.Settle(code.Mnemonic(), expected.YmmHigh(destination), actual.YmmHigh(destination));
            var difference = Difference(expected, actual);
            Assert.True(difference is null, $"{instruction}, MXCSR {input.Mxcsr:X}: {difference}\n{Describe(input, instruction)}");
        }
    }

    [Fact]
    public void KnowsEveryInstruction()
    {
        using var machine = new EmulatedMachine();
        var operands = new Operands(2);
        var missing = VexForms.Codes
            .Where(code => (VexForms.Build(code, false, operands) ?? VexForms.Build(code, true, operands)) is { } instruction && !machine.TryLower(instruction))
            .Select(code => code.ToString());
        Assert.Empty(missing);
        Assert.True(VexForms.Codes.Count() > 650);
    }

    private static bool IsComparable(Code code) =>
        NativeRunner.IsSupported && !s_approximate.Contains(code.Mnemonic()) && code.CpuidFeatures().All(HostFeatures.Has);

    private static void Randomise(NativeState state, Operands operands)
    {
        for (var i = 0; i < 16; i++)
        {
            operands.Vector(state.Xmm(i));
            operands.Vector(state.YmmHigh(i));
            if (operands.Next(6) == 0)
            {
                // Shift counts near their limits.
                foreach (ref var lane in MemoryMarshal.Cast<byte, ulong>(state.Xmm(i)))
                {
                    lane = (ulong)operands.Next(70);
                }
            }
        }

        operands.Vector(state.Memory[..64]);
        operands.Vector(state.Memory[64..]);
        state.ControlWord = 0x37F;
        state.StatusWord = 0;
        state.Tags = 0;
        state.Mxcsr = AllMasked | ((uint)operands.Next(4) << 13) | ((uint)operands.Next(64) & (uint)-operands.Next(2))
            | (operands.Next(3) == 0 ? 1u << 6 : 0) | (operands.Next(3) == 0 ? 1u << 15 : 0);
        if (operands.Next(2) == 0)
        {
            state.Mxcsr &= ~(3u << 13);
        }

        for (var i = 0; i < 3; i++)
        {
            state.General[i] = operands.Next(2) == 0 ? operands.Bits() : (ulong)(long)operands.Next(40) - 20;
        }

        state.General[3] = 2 | ((ulong)operands.Next(256) & 0xD5);
    }

    /// <summary>Indices that stay within the memory: from -32 / scale to 180 / scale.</summary>
    private static void RandomiseGather(NativeState state, in Instruction instruction, Operands operands)
    {
        var register = instruction.MemoryIndex;
        var number = register.IsYMM() ? register - Register.YMM0 : register - Register.XMM0;
        var wide = instruction.Code.ToOpCode().GetOpKind(1) is OpCodeOperandKind.mem_vsib64x or OpCodeOperandKind.mem_vsib64y;
        foreach (var half in (bool[])[false, true])
        {
            var bytes = half ? state.YmmHigh(number) : state.Xmm(number);
            for (var i = 0; i < (wide ? 2 : 4); i++)
            {
                var index = operands.Next(212 / instruction.MemoryIndexScale) - (32 / instruction.MemoryIndexScale);
                if (wide)
                {
                    MemoryMarshal.Write(bytes[(i * 8)..], (long)index);
                }
                else
                {
                    MemoryMarshal.Write(bytes[(i * 4)..], index);
                }
            }
        }
    }

    private static string? Difference(NativeState expected, NativeState actual)
    {
        for (var i = 0; i < 16; i++)
        {
            if (!expected.Xmm(i).SequenceEqual(actual.Xmm(i)) || !expected.YmmHigh(i).SequenceEqual(actual.YmmHigh(i)))
            {
                return $"YMM{i} is {Ymm(actual, i)}, host {Ymm(expected, i)}";
            }
        }

        for (var i = 0; i < 3; i++)
        {
            if (expected.General[i] != actual.General[i])
            {
                return $"register {i} is {actual.General[i]:X}, host {expected.General[i]:X}";
            }
        }

        var (flags, hostFlags) = (actual.General[3] & Rflags.Arithmetic, expected.General[3] & Rflags.Arithmetic);
        return flags != hostFlags ? $"flags are {flags:X}, host {hostFlags:X}"
            : expected.Mxcsr != actual.Mxcsr ? $"MXCSR is {actual.Mxcsr:X}, host {expected.Mxcsr:X}"
            : !expected.Memory.SequenceEqual(actual.Memory) ? $"memory is {Hex(actual.Memory)}, host {Hex(expected.Memory)}"
            : null;
    }

    private static string Describe(NativeState input, in Instruction instruction)
    {
        var text = $"RAX {input.General[0]:X} RCX {input.General[1]:X} RDX {input.General[2]:X} [RDI+20] {Hex(input.Memory.Slice(32, 32))}";
        for (var i = 0; i < instruction.OpCount; i++)
        {
            var register = instruction.GetOpKind(i) == OpKind.Register ? instruction.GetOpRegister(i) : instruction.MemoryIndex;
            if (register.IsVectorRegister())
            {
                text += $"\n{register} {Ymm(input, register.IsYMM() ? register - Register.YMM0 : register - Register.XMM0)}";
            }
        }

        return text;
    }

    private static string Ymm(NativeState state, int number) => $"{Hex(state.YmmHigh(number))}:{Hex(state.Xmm(number))}";

    private static string Hex(ReadOnlySpan<byte> bytes)
    {
        Span<byte> reversed = stackalloc byte[bytes.Length];
        bytes.CopyTo(reversed);
        reversed.Reverse();
        return Convert.ToHexString(reversed);
    }
}
