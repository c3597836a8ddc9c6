namespace Vivarium.X86;

/// <summary>What an access does to a page.</summary>
internal enum PageAccess
{
    Read,
    Write,
    Fetch,
}
