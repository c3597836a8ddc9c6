namespace Vivarium.X86.Tests.Conformance;

/// <summary>Captured cases in which an 80286 differs from every later processor, each with the difference that excuses it.</summary>
internal static class KnownDifferences
{
    private static readonly string[] s_stringInstructions = ["6F", "A5", "A7", "AB", "AD", "AF"];

    /// <summary>What excuses a case that ends otherwise than captured, or null.</summary>
    public static string? Reason(MooCase test)
    {
        if (test.Exception is not { Vector: 13 })
        {
            return null;
        }

        if (s_stringInstructions.Contains(test.Form) && IsAtSegmentEnd(test))
        {
            return "An 80286 has moved the index registers and the count when a word at offset FFFF faults; later processors restart with them unchanged.";
        }

        if (test.Name.Contains("[bp", StringComparison.Ordinal) || test.Name.Contains("ss:", StringComparison.Ordinal) || test.Form is "61" or "C2" or "C9" or "CA" or "CF" or "C3" or "CB" or "9D" or "58")
        {
            return "In real mode an 80286 reports a word at offset FFFF of the stack segment as interrupt 13; later processors as 12.";
        }

        return test.Length > 10 ? "An 80286 refuses instructions of more than 10 bytes; later processors of more than 15." : null;
    }

    private static bool IsAtSegmentEnd(MooCase test) =>
        test.Initial.Registers["si"] == 0xFFFF || test.Initial.Registers["di"] == 0xFFFF;
}
