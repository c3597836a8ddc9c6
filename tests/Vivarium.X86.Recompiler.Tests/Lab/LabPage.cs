namespace Vivarium.X86.Tests;

/// <summary>A page of the lab's guest.</summary>
/// <param name="Linear">Where it is mapped.</param>
/// <param name="Gpa">What it maps to.</param>
/// <param name="Flags">Present, writable, user and no-execute bits of its page-table entry.</param>
internal readonly record struct LabPage(ulong Linear, ulong Gpa, ulong Flags)
{
    public const ulong Present = 1;
    public const ulong Writable = 2;
    public const ulong User = 4;
    public const ulong NoExecute = 1UL << 63;
}
