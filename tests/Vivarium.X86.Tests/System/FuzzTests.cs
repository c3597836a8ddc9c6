using FsCheck.Xunit;

namespace Vivarium.X86.Tests;

/// <summary>Random bytes as code, with random registers: whatever happens, it happens inside the guest, and the budget ends.</summary>
public sealed class FuzzTests
{
    private const long Budget = 2000;
    private const int CodeBytes = 512;

    public enum Mode
    {
        Real,
        Protected,
        Long,
    }

    [Property(MaxTest = 400)]
    public void RandomCodeEndsWithItsBudget(Mode mode, bool user, int seed) => Run(mode, user, seed, CpuModel.Max);

    [Property(MaxTest = 60)]
    public void RandomCodeEndsWithItsBudgetOnTheOldestModel(Mode mode, bool user, int seed) => Run(mode, user, seed, CpuModel.X86_64_V1);

    /// <summary>Mostly valid code: random picks of the forms that the integer tests use, with system instructions among them.</summary>
    [Property(MaxTest = 150)]
    public void RandomInstructionsEndWithTheirBudget(Mode mode, bool user, int seed)
    {
        var random = new Random(seed);
        var code = new List<byte>();
        while (code.Count < CodeBytes)
        {
            code.AddRange(random.Next(3) == 0 ? s_system[random.Next(s_system.Length)] : s_forms[random.Next(s_forms.Length)]);
        }

        Execute(mode, user, random, [.. code], CpuModel.Max);
    }

    /// <summary>Random VEX-encoded instructions, with AVX enabled.</summary>
    [Property(MaxTest = 100)]
    public void RandomVectorInstructionsEndWithTheirBudget(int seed)
    {
        var random = new Random(seed);

        // xor ecx, ecx; xor edx, edx; mov eax, 7; xsetbv
        List<byte> code = [0x31, 0xC9, 0x31, 0xD2, 0xB8, 7, 0, 0, 0, 0x0F, 0x01, 0xD1];
        while (code.Count < CodeBytes)
        {
            code.AddRange(random.Next(8) == 0 ? s_forms[random.Next(s_forms.Length)] : s_vectorForms[random.Next(s_vectorForms.Length)]);
        }

        Execute(Mode.Long, user: false, random, [.. code], CpuModel.Max, cr4: 0x40620);
    }

    private static readonly byte[][] s_vectorForms = [.. EncodeVectorForms()];

    private static readonly byte[][] s_forms = [.. IntegerForms.All()];

    private static readonly byte[][] s_system =
    [
        [0x0F, 0x22, 0xC0], [0x0F, 0x22, 0xD8], [0x0F, 0x22, 0xE0], [0x0F, 0x20, 0xC0], [0x0F, 0x23, 0xF8], [0x0F, 0x23, 0xC0], [0x0F, 0x30], [0x0F, 0x32],
        [0x0F, 0xA2], [0x9D], [0x9C], [0xCF], [0x48, 0xCF], [0x66, 0xCF], [0xCB], [0xCA, 4, 0], [0xCD, 0x80], [0xCC], [0xF1], [0xFB], [0xFA], [0x0F, 0x05], [0x0F, 0x07],
        [0x0F, 0x34], [0x0F, 0x35], [0x0F, 0x01, 0x10], [0x0F, 0x01, 0x18], [0x0F, 0x01, 0x38], [0x0F, 0x00, 0xD0], [0x0F, 0x00, 0xD8], [0x8E, 0xD0], [0x8E, 0xD8],
        [0x8E, 0xE0], [0x0F, 0x01, 0xF8], [0x0F, 0x01, 0xCA], [0x0F, 0x01, 0xCB], [0xF3, 0xA4], [0xF3, 0x48, 0xA5], [0xF2, 0xAE], [0xF3, 0xA6], [0xF3, 0xAA], [0xF3, 0x6C],
        [0xF3, 0x6E], [0xC8, 16, 0, 3], [0xC9], [0x60], [0x61], [0xFF, 0x2F], [0xFF, 0x1F], [0xEA, 0, 1, 0x60, 0, 0, 0], [0x9A, 0, 1, 0x60, 0, 0, 0], [0x0F, 0xAE, 0x27],
        [0x0F, 0xAE, 0x2F], [0x0F, 0xC7, 0x0F], [0x48, 0x0F, 0xC7, 0x0F], [0x0F, 0x01, 0xEE], [0x0F, 0x01, 0xEF], [0x0F, 0x06], [0x0F, 0x01, 0xF0], [0x0F, 0x02, 0xC1],
        [0xE4, 0x60], [0xEE], [0xEC], [0x17], [0x07], [0xE2, 0xF0], [0xEB, 0x10], [0x75, 0x08], [0xFF, 0xE0], [0xFF, 0xD1], [0xC3], [0x0F, 0x01, 0xC1],
    ];

    /// <summary>Handlers that go on one byte behind what faulted, so that one bad instruction does not end a program.</summary>
    private static void SkipFaults(GuestProgram program, Mode mode)
    {
        byte[] plain = mode switch
        {
            Mode.Real => [0x55, 0x89, 0xE5, 0xFF, 0x46, 0x02, 0x5D, 0xCF],
            Mode.Protected => [0xFF, 0x04, 0x24, 0xCF],
            _ => [0x48, 0xFF, 0x04, 0x24, 0x48, 0xCF],
        };
        byte[] pop = mode switch { Mode.Real => [], Mode.Protected => [0x83, 0xC4, 0x04], _ => [0x48, 0x83, 0xC4, 0x08] };
        for (var vector = 0; vector < 256; vector++)
        {
            program.Memory.TryWrite(GuestProgram.HandlerOf(vector), vector is 8 or (>= 10 and <= 14) or 17 ? [.. pop, .. plain] : plain);
        }
    }

    private static void Run(Mode mode, bool user, int seed, CpuModel model)
    {
        var random = new Random(seed);
        var code = new byte[CodeBytes];
        random.NextBytes(code);
        Execute(mode, user, random, code, model);
    }

    private static IEnumerable<byte[]> EncodeVectorForms()
    {
        var operands = new Operands(9);
        foreach (var code in VexForms.Codes)
        {
            foreach (var memory in (bool[])[false, true])
            {
                if (VexForms.Build(code, memory, operands) is { } instruction)
                {
                    yield return InstructionForms.Encode(instruction);
                }
            }
        }
    }

    private static void Execute(Mode mode, bool user, Random random, byte[] code, CpuModel model, ulong? cr4 = null)
    {
        using var program = mode switch
        {
            Mode.Real => GuestProgram.Real(c => c.nop(), model),
            Mode.Protected => GuestProgram.Protected(c => c.nop(), model),
            _ => GuestProgram.Long(c => c.nop(), model),
        };
        if (user && mode != Mode.Real)
        {
            program.AsUser();
        }

        if (random.Next(4) != 0)
        {
            SkipFaults(program, mode);
        }

        program.Memory.TryWrite(GuestProgram.CodeBase, code);
        for (var register = X86Register.Rax; register <= X86Register.R15; register++)
        {
            program[register] = random.Next(4) switch
            {
                0 => (ulong)random.Next(),
                1 => (ulong)random.NextInt64(long.MinValue, long.MaxValue),
                2 => (ulong)random.Next((int)GuestProgram.MemoryBytes),
                _ => (ulong)random.Next(-16, 256),
            };
        }

        program[X86Register.Cr4] = cr4 ?? program[X86Register.Cr4];
        program[X86Register.Rsp] = GuestProgram.StackTop - 0x100;
        program[X86Register.Rflags] = 2 | ((ulong)random.Next() & 0x7CFD5);
        program.Apic.Raise(random.Next(256));
        var ended = 0L;
        for (var runs = 0; runs < 64 && ended < Budget; runs++)
        {
            var exit = program.Cpu.Run(Budget);
            ended += exit.Instructions;
            if (exit.Reason is VcpuExitReason.Shutdown or VcpuExitReason.Budget)
            {
                return;
            }

            program.Cpu.SignalNmi();
        }
    }
}
