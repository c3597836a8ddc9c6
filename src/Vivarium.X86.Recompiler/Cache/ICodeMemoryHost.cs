namespace Vivarium.X86;

/// <summary>What the code cache asks of the host's virtual memory. Any thread.</summary>
internal unsafe interface ICodeMemoryHost
{
    /// <summary>Maps one zeroed memory object twice: to write, and to execute. Pages cost nothing until they are touched.</summary>
    /// <exception cref="OutOfMemoryException">The host refused.</exception>
    /// <exception cref="PlatformNotSupportedException">This host has no such mapping.</exception>
    void Map(nuint sizeBytes, out byte* writable, out byte* executable);

    /// <summary>Says that whole pages of a view will be written soon, so that the host may give all of them memory at once. Content stays.</summary>
    void Prepare(byte* view, nuint sizeBytes);

    /// <summary>Says that whole pages of a view will hardly be touched again: they need not count as the process's own through it. Content stays.</summary>
    void Settle(byte* view, nuint sizeBytes);

    /// <summary>Unmaps one of the two views.</summary>
    void Unmap(byte* view, nuint sizeBytes);
}
