using Iced.Intel;

namespace Vivarium.X86.Tests;

/// <summary>
/// Every encoding of every instruction that comes with a bit of CPUID, on every model: #UD if the guest reads 0 there, something else if it reads
/// 1. On both engines.
/// </summary>
public sealed unsafe class MissingFeatureTests
{
    private const int InvalidOpcode = (int)ExceptionVector.InvalidOpcode;
    private const ulong Xsave = 1 << 18;
    private const ulong FsGsBase = 1 << 16;
    private const ulong Pke = 1 << 22;

    /// <summary>What other processors do there: TZCNT is BSF, and these hints are no-operations. The state of XSAVE has a test of its own, as its features are sub-leaves.</summary>
    private static readonly Mnemonic[] s_others = [Mnemonic.Tzcnt, Mnemonic.Xsaves, Mnemonic.Xrstors, Mnemonic.Xsaves64, Mnemonic.Xrstors64];

    /// <summary>What no 64-bit processor lacks.</summary>
    private static readonly CpuidFeature[] s_always =
    [
        CpuidFeature.INTEL8086, CpuidFeature.INTEL186, CpuidFeature.INTEL286, CpuidFeature.INTEL386, CpuidFeature.INTEL486, CpuidFeature.X64,
        CpuidFeature.FPU, CpuidFeature.FPU287, CpuidFeature.FPU387,
    ];

    private static readonly OpcodeSpace s_space = new();

    public static TheoryData<string> Models => [.. CpuModel.All.Select(model => model.Name)];

    [Theory]
    [MemberData(nameof(Models))]
    public void TheEngineRefusesWhatCpuidDoesNotName(string name) => Check(CpuModel.Parse(name), TestEngine.Create());

    [Theory]
    [MemberData(nameof(Models))]
    public void TheInterpreterRefusesWhatCpuidDoesNotName(string name) => Check(CpuModel.Parse(name), null);

    private static void Check(CpuModel model, ExecutionEngineProvider? engine)
    {
        using var provider = engine;
        using var program = GuestProgram.Long(code => { code.cpuid(); code.hlt(); }, model, options => options with { Engine = engine });
        var bits = FeatureBits.All.Values.Select(place => place.Leaf).Distinct().ToDictionary(leaf => leaf, leaf => Cpuid(program, leaf));
        program[X86Register.Cr4] |= (Has(CpuidFeature.XSAVE) ? Xsave : 0) | (Has(CpuidFeature.FSGSBASE) ? FsGsBase : 0) | (Has(CpuidFeature.PKU) ? Pke : 0);
        program.Cpu.Core.State->Xcr0 = Has(CpuidFeature.AVX) ? 7UL : 3;
        var failures = new List<string>();
        var counts = new Dictionary<bool, int> { [false] = 0, [true] = 0 };
        foreach (var (form, examples) in s_space.Examples)
        {
            var features = form.Code.CpuidFeatures();
            if (!features.Any(FeatureBits.All.ContainsKey) || s_others.Contains(form.Mnemonic) || examples.FirstOrDefault(each => each.Bits == 64) is not { } example)
            {
                continue;
            }

            // What has a bit that this table does not know is newer than the models.
            var isThere = features.All(feature => s_always.Contains(feature) || (FeatureBits.All.ContainsKey(feature) && Has(feature)));
            counts[isThere]++;
            program[X86Register.Rip] = GuestProgram.Data;
            program[X86Register.Rsp] = GuestProgram.StackTop;
            program[X86Register.Rflags] = 2;
            Assert.True(program.Memory.TryWrite(GuestProgram.Data, [.. example.Bytes, 0xF4]));
            var outcome = program.Run();
            if (outcome.Vector == InvalidOpcode == isThere)
            {
                failures.Add($"{form.Code} ({Convert.ToHexString(example.Bytes)}), {(isThere ? "named" : "not named")}: {outcome}");
            }
        }

        Assert.True(failures.Count == 0, $"{failures.Count} of {counts[true]} and {counts[false]}\n{string.Join('\n', failures.Take(40))}");
        Assert.True(counts[true] > 250 && counts[false] > 20, $"{counts[true]} and {counts[false]}");

        bool Has(CpuidFeature feature) => (bits[FeatureBits.All[feature].Leaf][FeatureBits.All[feature].Register] >> FeatureBits.All[feature].Bit & 1) != 0;
    }

    private static uint[] Cpuid(GuestProgram program, uint leaf)
    {
        program[X86Register.Rip] = GuestProgram.CodeBase;
        program[X86Register.Rax] = leaf;
        program[X86Register.Rcx] = 0;
        program.Run().AssertCompleted();
        return [(uint)program[X86Register.Rax], (uint)program[X86Register.Rbx], (uint)program[X86Register.Rcx], (uint)program[X86Register.Rdx]];
    }
}
