namespace Vivarium.X86.Tests.Conformance;

/// <summary>Captured cases in which an 80286 differs from every later processor, each with the difference that excuses it.</summary>
internal static class KnownDifferences
{
    /// <summary>Why a case is left out, or null if it counts.</summary>
    public static string? Reason(MooCase test)
    {
        if (test.Name.Contains("lock", StringComparison.OrdinalIgnoreCase))
        {
            return "LOCK on an instruction that does not allow it is #UD since the 80386; the captured bus lock says nothing of it.";
        }

        return null;
    }
}
