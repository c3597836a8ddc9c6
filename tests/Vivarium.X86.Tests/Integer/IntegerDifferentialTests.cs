using System.Runtime.Intrinsics.X86;
using Iced.Intel;

namespace Vivarium.X86.Tests;

/// <summary>Integer instructions against the host's: registers, memory and the flags that are defined.</summary>
public sealed class IntegerDifferentialTests
{
    private const int InputsPerForm = 24;
    private const ulong Arithmetic = 0x8D5;
    private const ulong Of = 0x800;
    private const ulong Af = 0x10;
    private const ulong Cf = 1;

    private static readonly ulong[] s_corners =
    [
        0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x7FFFFFFFFFFFFFFF, 0x8000000000000000, ulong.MaxValue,
        0xFF00, 0x0880, 0x2020,
    ];

    [Fact]
    public void AgreesWithTheHost()
    {
        Assert.SkipUnless(NativeRunner.IsSupported, "Needs a Linux x64 host.");
        using var native = new NativeRunner();
        using var input = new NativeState();
        using var expected = new NativeState();
        using var guest = GuestProgram.Long(code => code.nop());
        var random = new Random(7);
        var checkedForms = 0;
        var failures = new List<string>();
        foreach (var bytes in IntegerForms.All())
        {
            var instruction = Decoder.Create(64, bytes).Decode();
            Assert.True(!instruction.IsInvalid && instruction.Length == bytes.Length, Convert.ToHexString(bytes));
            if (!HostHas(instruction))
            {
                continue;
            }

            checkedForms++;
            guest.Memory.TryWrite(GuestProgram.CodeBase, [.. bytes, 0xF4]);
            for (var n = 0; n < InputsPerForm && failures.Count < 20; n++)
            {
                Fill(input, instruction, random);
                if (Compare(native, guest, instruction, input, expected) is { } failure)
                {
                    failures.Add(failure);
                    break;
                }
            }
        }

        Assert.True(failures.Count == 0, string.Join('\n', failures));
        Assert.True(checkedForms > 2000);
    }

    private static void Fill(NativeState input, in Instruction instruction, Random random)
    {
        for (var i = 0; i < 3; i++)
        {
            input.General[i] = random.Next(3) == 0 ? s_corners[random.Next(s_corners.Length)] : (ulong)random.NextInt64() << random.Next(2);
        }

        if (instruction.Op0Kind == OpKind.Memory && instruction.Mnemonic is Mnemonic.Bt or Mnemonic.Bts or Mnemonic.Btr or Mnemonic.Btc)
        {
            input.General[1] = (ulong)random.Next(-100, 1000);
        }

        input.General[3] = 2 | ((ulong)random.Next() & Arithmetic);
        random.NextBytes(input.Memory);
        if (random.Next(3) == 0)
        {
            BitConverter.TryWriteBytes(input.Memory[16..], s_corners[random.Next(s_corners.Length)]);
        }
    }

    private static string? Compare(NativeRunner native, GuestProgram guest, in Instruction instruction, NativeState input, NativeState expected)
    {
        for (var i = 0; i < 3; i++)
        {
            guest[X86Register.Rax + i] = input.General[i];
        }

        guest[X86Register.Rdi] = GuestProgram.Data;
        guest[X86Register.Rflags] = input.General[3];
        guest[X86Register.Rip] = GuestProgram.CodeBase;
        guest[X86Register.Rsp] = GuestProgram.StackTop;
        guest.Memory.TryWrite(GuestProgram.Data, input.Memory);
        var outcome = guest.Run();
        var what = $"{instruction} ({string.Join(' ', input.General.ToArray().Select(v => v.ToString("X")))})";
        if (outcome.Vector == 0)
        {
            // A division that the host would answer with a signal.
            return null;
        }

        if (outcome.Vector is not null || outcome.Exit != VcpuExitReason.Halted)
        {
            return $"{what}: {outcome}";
        }

        var bytes = new byte[instruction.Length];
        guest.Memory.TryRead(GuestProgram.CodeBase, bytes);
        native.Execute(bytes, input, expected);
        var memory = new byte[NativeState.MemoryBytes];
        guest.Memory.TryRead(GuestProgram.Data, memory);
        var count = Count(instruction, input.General[1]);
        if (IsUndefined(instruction, count, expected.General[3]))
        {
            return null;
        }

        for (var i = 0; i < 3; i++)
        {
            if (guest[X86Register.Rax + i] != expected.General[i])
            {
                return $"{what}: register {i} is {guest[X86Register.Rax + i]:X}, not {expected.General[i]:X}";
            }
        }

        var flags = DefinedFlags(instruction, count);
        if (((guest[X86Register.Rflags] ^ expected.General[3]) & flags) != 0)
        {
            return $"{what}: flags are {guest[X86Register.Rflags] & Arithmetic:X}, not {expected.General[3] & Arithmetic:X}, of {flags:X}";
        }

        return expected.Memory.SequenceEqual(memory) ? null : $"{what}: memory differs";
    }

    /// <summary>The masked count of a shift or rotate, −1 for other instructions.</summary>
    private static int Count(in Instruction instruction, ulong rcx)
    {
        var isShift = instruction.Mnemonic is Mnemonic.Shl or Mnemonic.Sal or Mnemonic.Shr or Mnemonic.Sar or Mnemonic.Rol or Mnemonic.Ror or Mnemonic.Rcl or Mnemonic.Rcr
            or Mnemonic.Shld or Mnemonic.Shrd;
        if (!isShift)
        {
            return -1;
        }

        var last = instruction.OpCount - 1;
        var count = instruction.GetOpKind(last) == OpKind.Register ? (int)(rcx & 0xFF) : (int)instruction.GetImmediate(last);
        return count & (Lower.SizeOf(instruction, 0) == 8 ? 63 : 31);
    }

    /// <summary>Results that the manual leaves open.</summary>
    private static bool IsUndefined(in Instruction instruction, int count, ulong flags) => instruction.Mnemonic switch
    {
        Mnemonic.Shld or Mnemonic.Shrd => count > Lower.SizeOf(instruction, 0) * 8,
        Mnemonic.Bsf or Mnemonic.Bsr => (flags & 0x40) != 0,
        _ => false,
    };

    private static ulong DefinedFlags(in Instruction instruction, int count)
    {
        var bits = Lower.SizeOf(instruction, 0) * 8;
        if (count >= 0)
        {
            var isShift = instruction.Mnemonic is not (Mnemonic.Rol or Mnemonic.Ror or Mnemonic.Rcl or Mnemonic.Rcr);
            return count == 0 ? Arithmetic
                : Arithmetic & ~(count == 1 ? 0 : Of) & ~(isShift ? Af : 0) & ~(isShift && count >= bits ? Cf : 0);
        }

        var undefined = instruction.RflagsUndefined;
        var flags = Arithmetic;
        flags &= (undefined & RflagsBits.OF) != 0 ? ~Of : ulong.MaxValue;
        flags &= (undefined & RflagsBits.SF) != 0 ? ~0x80UL : ulong.MaxValue;
        flags &= (undefined & RflagsBits.ZF) != 0 ? ~0x40UL : ulong.MaxValue;
        flags &= (undefined & RflagsBits.AF) != 0 ? ~Af : ulong.MaxValue;
        flags &= (undefined & RflagsBits.CF) != 0 ? ~Cf : ulong.MaxValue;
        flags &= (undefined & RflagsBits.PF) != 0 ? ~4UL : ulong.MaxValue;
        return flags;
    }

    private static bool HostHas(in Instruction instruction)
    {
        foreach (var feature in instruction.CpuidFeatures)
        {
            var has = feature switch
            {
                CpuidFeature.BMI1 => Bmi1.IsSupported,
                CpuidFeature.BMI2 => Bmi2.IsSupported,
                CpuidFeature.LZCNT => Lzcnt.IsSupported,
                CpuidFeature.POPCNT => Popcnt.IsSupported,
                CpuidFeature.ADX => (X86Base.CpuId(7, 0).Ebx & (1 << 19)) != 0,
                CpuidFeature.MOVBE => (X86Base.CpuId(1, 0).Ecx & (1 << 22)) != 0,
                _ => true,
            };
            if (!has)
            {
                return false;
            }
        }

        return true;
    }
}
