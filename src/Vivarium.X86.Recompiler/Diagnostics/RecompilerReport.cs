using System.Globalization;
using System.Text;

namespace Vivarium.X86;

/// <summary>What a <see cref="Recompiler"/> did so far: how much it translated, and what the interpreter executed for it. Immutable.</summary>
/// <param name="Translated">Guest instructions translated, those translated again included.</param>
/// <param name="Blocks">Blocks translated.</param>
/// <param name="CodeBytes">Bytes of host code in the cache now.</param>
/// <param name="CacheFlushes">How often the cache was full and was emptied.</param>
/// <param name="TranslationTime">Time spent in translation.</param>
/// <param name="Entries">How often C# entered emitted code.</param>
/// <param name="Interpreted">Instructions without a native form that the interpreter executed, by mnemonic, most frequent first.</param>
/// <param name="SlowPaths">Native instructions that the interpreter executed because their memory access missed the TLB, crossed a page, went to a device or to code, by mnemonic, most frequent first.</param>
public sealed record RecompilerReport(
    long Translated,
    long Blocks,
    long CodeBytes,
    int CacheFlushes,
    TimeSpan TranslationTime,
    long Entries,
    IReadOnlyList<KeyValuePair<string, long>> Interpreted,
    IReadOnlyList<KeyValuePair<string, long>> SlowPaths)
{
    /// <summary>Lines for people: totals, then the twenty most frequent of each list.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture, $"translated {Translated:N0} instructions in {Blocks:N0} blocks, {CodeBytes:N0} bytes of code, {TranslationTime.TotalMilliseconds:N0} ms, {CacheFlushes} flushes; entered {Entries:N0} times");
        Append(text, "interpreted, no native form", Interpreted);
        Append(text, "interpreted, memory out of the ordinary", SlowPaths);
        return text.ToString();
    }

    private static void Append(StringBuilder text, string title, IReadOnlyList<KeyValuePair<string, long>> counts)
    {
        text.AppendLine(CultureInfo.InvariantCulture, $"{title}: {counts.Sum(count => count.Value):N0}");
        foreach (var (name, count) in counts.Take(20))
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"  {count,14:N0}  {name}");
        }
    }
}
