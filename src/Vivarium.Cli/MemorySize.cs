using System.Globalization;

namespace Vivarium.Cli;

/// <summary>Sizes such as 512M.</summary>
internal static class MemorySize
{
    /// <exception cref="UsageException">It is no size.</exception>
    public static ulong Parse(string text)
    {
        var suffix = text.Length > 0 ? char.ToUpperInvariant(text[^1]) : ' ';
        var shift = suffix switch
        {
            'K' => 10,
            'M' => 20,
            'G' => 30,
            'T' => 40,
            _ => 0,
        };
        var digits = shift == 0 ? text : text[..^1];
        return ulong.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number is > 0 and < 1 << 23
            ? number << (shift == 0 ? 20 : shift)
            : throw new UsageException($"'{text}' is not a memory size; write it as 512M or 4G.");
    }
}
