namespace Vivarium.Cli;

/// <summary>Process exit codes. A guest's debug exit gives its own.</summary>
internal static class ExitCodes
{
    /// <summary>The guest powered itself off, or the user quit.</summary>
    public const int Success = 0;

    /// <summary>A defect of Vivarium.</summary>
    public const int Failure = 1;

    /// <summary>A checked image is corrupt.</summary>
    public const int CorruptImage = 2;

    /// <summary>A checked image counts space that nobody uses.</summary>
    public const int LeakyImage = 3;

    /// <summary>The engines differ: a defect of one of them.</summary>
    public const int Difference = 4;

    /// <summary>Bad usage: an impossible option, a missing or damaged file.</summary>
    public const int Usage = 64;

    /// <summary>The guest triple-faulted.</summary>
    public const int TripleFault = 70;

    /// <summary>The time was up.</summary>
    public const int Timeout = 124;

    /// <summary>Interrupted by a signal.</summary>
    public const int Interrupted = 130;
}
