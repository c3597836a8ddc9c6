using Iced.Intel;

namespace Vivarium.X86.Tests;

/// <summary>That the lab looks where errors would be, and finds one that is put there.</summary>
public sealed class LabSelfTests
{
    private const int Cases = 3000;

    [Fact]
    public void CasesAreComparableAndReachEveryKindOfEnd()
    {
        using var machine = new LabMachine(static () => null);
        var ends = new Dictionary<int, int>();
        var (completed, discarded, instructions) = (0, 0, 0L);
        for (var seed = 1; seed <= Cases; seed++)
        {
            var made = CaseGenerator.Create(seed);
            machine.Run(made.Program!, made.State);
            var vector = End(machine);
            ends[vector] = ends.GetValueOrDefault(vector) + 1;
            completed += IsCompleted(machine, made, vector) ? 1 : 0;
            discarded += machine.Exit.Reason == VcpuExitReason.Budget || !made.Program!.IsIntact(machine) ? 1 : 0;
            instructions += machine.Exit.Reason == VcpuExitReason.Budget ? 0 : machine.Exit.Instructions;
        }

        var seen = $"{completed} completed, {discarded} discarded, {instructions} instructions; {string.Join(' ', ends.OrderBy(end => end.Key).Select(end => $"{end.Key}:{end.Value}"))}";
        TestContext.Current.TestOutputHelper?.WriteLine(seen);
        Assert.True(completed > Cases / 3, seen);
        Assert.True(discarded < Cases / 20, seen);
        Assert.All((int[])[0, 1, 6, 8, 13, 14, 16, 17, 19], vector => Assert.True(ends.ContainsKey(vector), seen));
    }

    [Fact]
    public void ASeedMakesTheSameCaseAgainAndItsTextGivesTheSameState()
    {
        for (var seed = 1; seed < 50; seed++)
        {
            var (made, again) = (CaseGenerator.Create(seed), CaseGenerator.Create(seed));
            Assert.Equal(made.ToString(), again.ToString());
            Assert.Equal(made.State.ToString(), LabState.Parse(made.State.ToString()).ToString());
        }
    }

    [Fact]
    public void InstructionsOfTheCatalogueCanBeEncoded()
    {
        foreach (var (catalogue, bits) in new[] { (InstructionCatalogue.For32, 32), (InstructionCatalogue.For64, 64) })
        {
            var random = new Random(bits);
            var values = new EdgeValues(random, bits);
            var memory = new MemoryOperandBuilder(random, bits, values, reserved: 3, static _ => { });
            var operands = new OperandBuilder(random, bits, values, memory.WithMemory);
            Assert.True(catalogue.Codes.Count() > 700);
            Assert.All(catalogue.Codes.Where(code => code.ToOpCode().Operands().All(OperandBuilder.CanBuild)), code =>
                Assert.Contains(Enumerable.Range(0, 40), _ => LabAssembler.TryAssemble(bits, 0, [new LabStep(operands.Build(code))]) is not null));
        }
    }

    [Fact]
    public void AWrongEngineIsFoundAndItsCaseMadeSmall()
    {
        using var comparison = new LabComparison(static () => new WrongProvider(), TestEngine.CreateCold);
        var made = Enumerable.Range(1, Cases).Select(seed => CaseGenerator.Create(seed)).First(candidate => Fails(candidate));
        var smallest = CaseShrinker.Minimise(made, Fails);
        Assert.True(smallest.Steps.Count <= 2, smallest.ToString());
        Assert.Contains("LabRegression.Check(", smallest.ToString(), StringComparison.Ordinal);

        bool Fails(LabCase candidate) => comparison.Difference(candidate.Program!, candidate.State) is not null;
    }

    [Fact]
    public void TablesAndHandlersAreWholeForEachCase()
    {
        const ulong Handler = 0x50D0;
        using var machine = new LabMachine(static () => null);
        var state = LabState.Parse("rsp=5f1000 flags=2");

        // mov byte [123050D0h], 90h; hlt
        machine.Run(new LabProgram(LabMode.Kernel32, 0, [0xC6, 0x05, 0xD0, 0x50, 0x30, 0x12, 0x90, 0xF4]), state);
        Assert.Equal(0x90, machine.Memory.Read<byte>(Handler));
        machine.Run(new LabProgram(LabMode.Kernel32, 0, [0xF4]), state);
        Assert.Equal(0xF4, machine.Memory.Read<byte>(Handler));
    }

    private static unsafe int End(LabMachine machine) => machine.Exit.Reason == VcpuExitReason.Halted ? LabKernel.VectorOf(machine.State->Rip) : -2;

    /// <summary>Whether the program came to its HLT, which halts the kernel and is a fault for a user.</summary>
    private static unsafe bool IsCompleted(LabMachine machine, LabCase made, int vector)
    {
        var size = made.Mode.Bits() / 8;
        var frame = vector == (int)ExceptionVector.GeneralProtection ? machine.At(machine.State->Gpr[4] + (ulong)size, made.Mode) : [];
        return vector == -1 || (frame.Length >= size && (size == 8 ? BitConverter.ToUInt64(frame) : BitConverter.ToUInt32(frame)) == made.Program!.Instructions[^1].IP);
    }
}
