namespace Vivarium.X86.Tests;

/// <summary>Runs cases in several ways, and says what differs.</summary>
internal interface ICaseComparison : IDisposable
{
    /// <summary>Cases that could be compared.</summary>
    long Compared { get; }

    /// <summary>Cases that could not.</summary>
    long Discarded { get; }

    /// <summary>Null if all agree.</summary>
    string? Difference(LabProgram program, LabState state);
}
