using Iced.Intel;

namespace Vivarium.X86.Tests;

/// <summary>Programs of random bytes, with a state to start in.</summary>
internal static class RandomBytes
{
    /// <summary>Results that processors, or two runs, do not share.</summary>
    private static readonly Mnemonic[] s_excluded =
    [
        Mnemonic.Rcpps, Mnemonic.Rcpss, Mnemonic.Rsqrtps, Mnemonic.Rsqrtss, Mnemonic.Vrcpps, Mnemonic.Vrcpss, Mnemonic.Vrsqrtps, Mnemonic.Vrsqrtss, Mnemonic.Rdrand, Mnemonic.Rdseed,
        Mnemonic.Rdtsc, Mnemonic.Rdtscp, Mnemonic.Shld, Mnemonic.Shrd, Mnemonic.Bswap,
        Mnemonic.F2xm1, Mnemonic.Fyl2x, Mnemonic.Fyl2xp1, Mnemonic.Fpatan, Mnemonic.Fptan, Mnemonic.Fsin, Mnemonic.Fcos, Mnemonic.Fsincos, Mnemonic.Fprem, Mnemonic.Fprem1,
    ];

    /// <summary>The program of a seed; null if it may leave the path on which it is known what is defined.</summary>
    public static (LabProgram Program, LabState State)? TryCreate(LabMode mode, int seed)
    {
        var random = new Random(seed);
        var program = new LabProgram(mode, random.Next(4) == 0 ? 0x1000 - random.Next(1, 30) : random.Next(0x400), Bytes(random, mode.Bits()));
        if (!IsComparable(program))
        {
            return null;
        }

        var values = new EdgeValues(random, mode.Bits());
        return (program, StateGenerator.Create(random, mode, values, new MemoryOperandBuilder(random, mode.Bits(), values, 15, _ => { }), 15));
    }

    private static byte[] Bytes(Random random, int bits)
    {
        var bytes = new List<byte>();
        for (var n = random.Next(1, 8); n > 0; n--)
        {
            for (var prefixes = random.Next(4) - 1; prefixes > 0; prefixes--)
            {
                ReadOnlySpan<byte> all = [0x66, 0xF2, 0xF3, 0xF0, 0x67, 0x2E, 0x65, 0x40, 0x48, 0x4F, 0x45];
                bytes.Add(all[random.Next(bits == 64 ? all.Length : 7)]);
            }

            if (random.Next(3) == 0)
            {
                bytes.Add(0x0F);
                bytes.AddRange(random.Next(4) switch { 0 => [0x38], 1 => [0x3A], _ => (byte[])[] });
            }

            for (var rest = random.Next(2, 7); rest > 0; rest--)
            {
                bytes.Add((byte)random.Next(256));
            }
        }

        return [.. bytes];
    }

    /// <summary>Control stays on the decoded path up to the HLT, where it is known which flags are defined.</summary>
    private static bool IsComparable(LabProgram program) => program.Instructions[^1].Mnemonic == Mnemonic.Hlt && program.Instructions.All(instruction =>
        (instruction.IsInvalid || instruction.FlowControl is FlowControl.Next or FlowControl.Exception or FlowControl.Interrupt)
        && !s_excluded.Contains(instruction.Mnemonic));
}
