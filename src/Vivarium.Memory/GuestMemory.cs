namespace Vivarium.Memory;

/// <summary>Guest-physical memory.</summary>
public sealed unsafe class GuestMemory : IGuestMemory, IDisposable
{
    /// <summary>Bytes of a page: the unit of mapping, dirty tracking and copy-on-write.</summary>
    public const int PageSize = 4096;

    /// <summary>The protocol by which cached page pointers are taken back from vCPUs.</summary>
    public PageRevocation Revocation { get; } = new();

    /// <inheritdoc/>
    public ulong RamSizeBytes => throw new NotImplementedException();

    /// <summary>Adds zeroed RAM, reserved but not committed.</summary>
    public void AddRam(ulong gpa, ulong sizeBytes) => throw new NotImplementedException();

    /// <summary>Adds read-only memory. Guest writes to it are ignored.</summary>
    public void AddRom(ulong gpa, ReadOnlySpan<byte> image) => throw new NotImplementedException();

    /// <summary>Host address of the page that holds <paramref name="gpa"/>, for reading until the vCPU's next boundary; null if it is not RAM or ROM.</summary>
    public byte* GetReadPage(ulong gpa) => throw new NotImplementedException();

    /// <summary>
    /// Host address of the page that holds <paramref name="gpa"/>, for writing; null if it is not RAM. The page is un-shared and marked dirty.
    /// <paramref name="cacheable"/> is false while the page holds translated code: write once through <see cref="InvalidateCode"/> and ask again.
    /// </summary>
    public byte* GetWritePage(ulong gpa, out bool cacheable) => throw new NotImplementedException();

    /// <summary>True if the page is ROM: a write is ignored rather than sent to the MMIO bus.</summary>
    public bool IsRom(ulong gpa) => throw new NotImplementedException();

    /// <summary>Marks the page as holding translated code. True if it was not marked before: then revoke write tags before reading its bytes.</summary>
    public bool MarkCode(ulong gpa) => throw new NotImplementedException();

    /// <summary>Removes the code mark of the page and tells every listener to drop what it translated from it.</summary>
    public void InvalidateCode(ulong gpa) => throw new NotImplementedException();

    /// <summary>Adds a listener for invalidated code pages.</summary>
    public void AddCodeListener(ICodePageListener listener) => throw new NotImplementedException();

    /// <inheritdoc/>
    public bool TryRead(ulong gpa, Span<byte> destination) => throw new NotImplementedException();

    /// <inheritdoc/>
    public bool TryWrite(ulong gpa, ReadOnlySpan<byte> source) => throw new NotImplementedException();

    /// <inheritdoc/>
    public void Dispose() => throw new NotImplementedException();
}
