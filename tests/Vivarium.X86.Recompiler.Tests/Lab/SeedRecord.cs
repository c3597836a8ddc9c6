using System.IO.MemoryMappedFiles;

namespace Vivarium.X86.Tests;

/// <summary>A seed in a mapped file, which outlives the process however it ends.</summary>
internal sealed class SeedRecord : IDisposable
{
    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;

    private SeedRecord(string path)
    {
        _file = MemoryMappedFile.CreateFromFile(path, FileMode.Create, null, sizeof(int));
        _view = _file.CreateViewAccessor(0, sizeof(int));
    }

    /// <summary>The record of a thread, or null if none is wanted.</summary>
    public static SeedRecord? Open(int first) =>
        Environment.GetEnvironmentVariable("VIVARIUM_FUZZ_STATE") is { Length: > 0 } prefix ? new SeedRecord($"{prefix}.{first}") : null;

    public void Set(int seed) => _view.Write(0, seed);

    public void Dispose()
    {
        _view.Dispose();
        _file.Dispose();
    }
}
