using System.Globalization;

namespace Vivarium.Cli;

/// <summary>Rates such as 10M: bits a second, with decimal prefixes.</summary>
internal static class BitRate
{
    /// <exception cref="UsageException">It is no rate.</exception>
    public static long ParseBytesPerSecond(string text)
    {
        var factor = text.Length > 0 ? char.ToUpperInvariant(text[^1]) switch
        {
            'K' => 1_000L,
            'M' => 1_000_000L,
            'G' => 1_000_000_000L,
            _ => 1L,
        }
        : 1L;
        return double.TryParse(factor == 1 ? text : text[..^1], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number)
            && number * factor is >= 8_000 and <= 1e12
            ? (long)(number * factor / 8)
            : throw new UsageException($"--rate takes bits a second, from 8K to 1000G, as 10M, not '{text}'.");
    }
}
