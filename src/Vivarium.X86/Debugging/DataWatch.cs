namespace Vivarium.X86;

/// <summary>A range of linear addresses that a debugger watches.</summary>
/// <param name="Linear">Its first byte.</param>
/// <param name="SizeBytes">Its length, 1 or more; it does not wrap.</param>
/// <param name="Kind">Which accesses count.</param>
internal readonly record struct DataWatch(ulong Linear, ulong SizeBytes, DataWatchKind Kind)
{
    private ulong Last => Linear + SizeBytes - 1;

    public bool TouchesPage(ulong linear) => (Linear >> 12) <= (linear >> 12) && (linear >> 12) <= (Last >> 12);

    public bool Sees(ulong linear, int sizeBytes, PageAccess access) =>
        Linear <= linear + (ulong)sizeBytes - 1 && linear <= Last
        && (access == PageAccess.Write ? Kind != DataWatchKind.Read : Kind != DataWatchKind.Write);
}

/// <summary>Which accesses a watch sees.</summary>
internal enum DataWatchKind
{
    Write,
    Read,
    Access,
}
