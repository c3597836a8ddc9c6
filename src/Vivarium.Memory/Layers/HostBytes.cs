using System.Buffers;

namespace Vivarium.Memory;

/// <summary>A piece of a page store as <see cref="Memory{T}"/>, at most 1 GiB. It does not move, so pinning costs nothing.</summary>
internal sealed unsafe class HostBytes(byte* address, int sizeBytes, HostMapping mapping) : MemoryManager<byte>
{
    /// <summary>Keeps the mapping from being finalized while anybody holds this.</summary>
    private readonly HostMapping _mapping = mapping;

    // SAFETY: the store made this for a range of its own mapping. Who holds it keeps the store alive: content is replaced with no DMA in flight.
    public override Span<byte> GetSpan() => new(address, sizeBytes);

    public override MemoryHandle Pin(int elementIndex = 0)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)elementIndex, (uint)sizeBytes);
        ObjectDisposedException.ThrowIf(_mapping.IsClosed, this);

        // SAFETY: within the range, as just checked.
        return new MemoryHandle(address + elementIndex);
    }

    public override void Unpin()
    {
    }

    protected override void Dispose(bool disposing)
    {
    }
}
