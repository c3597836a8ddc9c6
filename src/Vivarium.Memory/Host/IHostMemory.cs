namespace Vivarium.Memory;

/// <summary>What guest memory asks of the host's virtual memory. Any thread.</summary>
internal unsafe interface IHostMemory
{
    /// <summary>Maps zeroed, readable and writable memory that costs nothing until it is touched (see each platform). Page aligned.</summary>
    /// <exception cref="OutOfMemoryException">The host refused.</exception>
    byte* Reserve(nuint sizeBytes);

    /// <summary>Gives the physical memory behind a range back to the host; the range reads as zero afterwards.</summary>
    void Discard(byte* address, nuint sizeBytes);

    /// <summary>Says that a range of whole pages will be written soon: the host may give its memory at once rather than at each page's first touch.</summary>
    void Populate(byte* address, nuint sizeBytes);

    /// <summary>Unmaps what <see cref="Reserve"/> returned.</summary>
    void Release(byte* address, nuint sizeBytes);
}
