using Iced.Intel;

namespace Vivarium.X86.Tests;

/// <summary>Measures what there is of the instruction set of <see cref="CpuModel.Max"/>, and what of it is compared with another processor.</summary>
internal sealed class IsaCoverage
{
    public const int Seeds = 12_000;
    public const int ByteSeeds = 6_000;

    private IsaCoverage(IReadOnlyList<MnemonicCoverage> mnemonics, int casesOnHost, int casesOnInterpreter)
    {
        Mnemonics = mnemonics;
        CasesOnHost = casesOnHost;
        CasesOnInterpreter = casesOnInterpreter;
    }

    /// <summary>By feature and name.</summary>
    public IReadOnlyList<MnemonicCoverage> Mnemonics { get; }

    public int CasesOnHost { get; }

    public int CasesOnInterpreter { get; }

    /// <summary>What the host lacks of the model's instructions: then neither can be measured here.</summary>
    public static IEnumerable<CpuidFeature> Missing => InstructionCatalogue.For64.Codes.SelectMany(code => code.CpuidFeatures()).Distinct().Where(feature => !HostFeatures.Has(feature));

    public static IsaCoverage Measure()
    {
        var onHost = ExecutedForms.OnHost(Seeds);
        var onInterpreter = ExecutedForms.OnInterpreter(Seeds, ByteSeeds);
        using var support = new FormSupport();
        var mnemonics = new OpcodeSpace().Examples
            .Select(each => (Form: each.Key, IsInterpreted: each.Value.Exists(support.IsInterpreted), IsNative: each.Value.Exists(support.IsNative)))
            .Where(each => each.IsInterpreted || IsOfModel(each.Form.Code))
            .GroupBy(each => each.Form.Mnemonic)
            .Select(forms => (First: forms.Min(each => each.Form.Code), Coverage: new MnemonicCoverage(
                forms.Key,
                FeatureOf(forms.Min(each => each.Form.Code)),
                forms.Count(),
                forms.Count(each => each.IsInterpreted),
                forms.Count(each => each.IsInterpreted && each.IsNative),
                forms.Count(each => onHost.Contains(each.Form)),
                forms.Count(each => onInterpreter.Contains(each.Form)))))
            .OrderBy(each => each.First.CpuidFeatures()[0]).ThenBy(each => each.Coverage.Feature, StringComparer.Ordinal)
            .ThenBy(each => each.Coverage.Mnemonic.ToString(), StringComparer.Ordinal)
            .Select(each => each.Coverage);
        return new IsaCoverage([.. mnemonics], onHost.Cases, onInterpreter.Cases);
    }

    private static bool IsOfModel(Code code) => CpuModel.Max.Allows(new Instruction { Code = code });

    private static string FeatureOf(Code code) => string.Join(" and ", code.CpuidFeatures());
}
