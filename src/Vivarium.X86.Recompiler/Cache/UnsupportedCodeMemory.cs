namespace Vivarium.X86;

/// <summary>Hosts without a mapping of ours.</summary>
internal sealed unsafe class UnsupportedCodeMemory : ICodeMemoryHost
{
    public void Map(nuint sizeBytes, out byte* writable, out byte* executable) =>
        throw new PlatformNotSupportedException("The recompiler maps executable memory on Linux and Windows only: use the interpreter engine on this host.");

    public void Prepare(byte* view, nuint sizeBytes)
    {
    }

    public void Settle(byte* view, nuint sizeBytes)
    {
    }

    public void Unmap(byte* view, nuint sizeBytes)
    {
        // Nothing was mapped.
    }
}
