using System.Globalization;
using System.Text;

namespace Vivarium.X86.Tests;

/// <summary>The measured coverage as a page for people.</summary>
internal static class IsaCoverageTable
{
    public static string Write(IsaCoverage coverage)
    {
        var text = new StringBuilder();
        Line(text, $"# Instructions, measured");
        Line(text, $"");
        Line(text, $"`eng/measure-isa-coverage.sh` writes this page, and a test compares it with what it would write. Nothing here is edited by hand.");
        Line(text, $"");
        Line(text, $"The instructions are those of the CPU model `max`, by the names of the decoder library (Iced) and the feature that their first encoding came with.");
        Line(text, $"They are found by decoding every opcode with every prefix in code of 16, 32 and 64 bits. A form is one encoding, with a register or with memory where");
        Line(text, $"it takes either. A cell says yes if it is true of all forms, no if of none, else of how many. CPUID reports neither VMX nor SVM, SMM or 3DNow!;");
        Line(text, $"their few instructions that the interpreter has exist without. The opcodes behind 0F 0F, of 3DNow!, are left out.");
        Line(text, $"");
        Line(text, $"| column | what was asked |");
        Line(text, $"|---|---|");
        Line(text, $"| interpreter | the decoder takes the form in any mode, and has a handler |");
        Line(text, $"| native | the translator emits code for it in 64-bit mode or in flat 32-bit mode |");
        Line(text, $"| fallback | the interpreter executes it in the middle of emitted code |");
        Line(text, $"| host | it is executed in one of {coverage.CasesOnHost:N0} cases (of seeds 1 to {IsaCoverage.Seeds:N0}) that the host's processor is asked about |");
        Line(text, $"| lab | it is executed in one of {coverage.CasesOnInterpreter:N0} cases (of seeds 1 to {IsaCoverage.Seeds:N0}, and programs of random bytes) on which the recompiler is compared with the interpreter |");
        Line(text, $"");
        Line(text, $"The last two count what the generators of `eng/fuzz-cpu.sh` really run. Tests with fixed programs, such as those of system instructions, are not in them.");
        Line(text, $"The host cannot be asked for what only a kernel may do, nor for code of 32 bits.");
        Line(text, $"");
        Line(text, $"## Totals");
        Line(text, $"");
        Totals(text, coverage);
        Line(text, $"");
        Line(text, $"## Forms by feature");
        Line(text, $"");
        Line(text, $"| feature | instructions | forms | interpreter | native | fallback | host | lab |");
        Line(text, $"|---|---:|---:|---:|---:|---:|---:|---:|");
        foreach (var feature in coverage.Mnemonics.GroupBy(each => each.Feature))
        {
            Sums(text, feature.Key, [.. feature]);
        }

        foreach (var feature in coverage.Mnemonics.GroupBy(each => each.Feature))
        {
            Line(text, $"");
            Line(text, $"## {feature.Key}");
            Line(text, $"");
            Line(text, $"| instruction | forms | interpreter | native | fallback | host | lab |");
            Line(text, $"|---|---:|---|---|---|---|---|");
            foreach (var each in feature)
            {
                Line(text, $"| {each.Mnemonic.ToString().ToUpperInvariant()} | {each.Forms} | {Cell(each.Interpreted, each)} | {Cell(each.Native, each)} | {Cell(each.Fallback, each)} | {Cell(each.OnHost, each)} | {Cell(each.OnInterpreter, each)} |");
            }
        }

        return text.ToString();
    }

    private static void Totals(StringBuilder text, IsaCoverage coverage)
    {
        var all = coverage.Mnemonics;
        Line(text, $"| of {all.Count:N0} instructions with {all.Sum(each => each.Forms):N0} forms | all forms | some forms | none | forms |");
        Line(text, $"|---|---:|---:|---:|---:|");
        Total(text, "interpreter", all, each => each.Interpreted);
        Total(text, "native", all, each => each.Native);
        Total(text, "fallback", all, each => each.Fallback);
        Total(text, "host", all, each => each.OnHost);
        Total(text, "lab", all, each => each.OnInterpreter);
    }

    private static void Total(StringBuilder text, string name, IReadOnlyList<MnemonicCoverage> all, Func<MnemonicCoverage, int> count) =>
        Line(text, $"| {name} | {all.Count(each => count(each) == each.Forms):N0} | {all.Count(each => count(each) > 0 && count(each) < each.Forms):N0} | {all.Count(each => count(each) == 0):N0} | {all.Sum(count):N0} |");

    private static void Sums(StringBuilder text, string name, IReadOnlyList<MnemonicCoverage> all) =>
        Line(text, $"| {name} | {all.Count} | {all.Sum(each => each.Forms)} | {all.Sum(each => each.Interpreted)} | {all.Sum(each => each.Native)} | {all.Sum(each => each.Fallback)} | {all.Sum(each => each.OnHost)} | {all.Sum(each => each.OnInterpreter)} |");

    private static string Cell(int count, MnemonicCoverage of) => count == of.Forms ? "yes" : count == 0 ? "no" : string.Create(CultureInfo.InvariantCulture, $"{count} of {of.Forms}");

    private static void Line(StringBuilder text, FormattableString line) => text.Append(line.ToString(CultureInfo.InvariantCulture)).Append('\n');
}
