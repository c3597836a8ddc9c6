namespace Vivarium.X86;

/// <summary>Why emitted code returned to C#.</summary>
internal static class ExitCode
{
    /// <summary>RIP is set; look up what is there.</summary>
    public const int Lookup = 0;

    /// <summary>The interpreter executed an instruction that ended the block or did not complete; flags are the interpreter's.</summary>
    public const int Interpreted = 1;

    /// <summary>Of a callback alone: the TLB has the page now, make the lookup again at <see cref="EngineFields.ValueOffset"/>.</summary>
    public const int Retry = 2;

    /// <summary>As <see cref="Lookup"/>, and the edge with this number above it can be linked to what is found.</summary>
    public const int FirstEdge = 16;
}
