using BenchmarkDotNet.Attributes;
using Vivarium.Storage;

namespace Vivarium.Benchmarks;

/// <summary>
/// Disks as a device uses them, from the host's page cache: qcow2 beside the raw file with the same content. The cost of the format is the
/// difference. On the caller's thread and through the thread pool.
/// </summary>
public class StorageBenchmarks
{
    private const int Requests = 1000;
    private const int SmallBytes = 4096;
    private const int LargeBytes = 1 << 20;
    private const long SizeBytes = 256 << 20;

    private readonly Memory<byte>[] _small = [new byte[SmallBytes]];
    private readonly Memory<byte>[] _large = [new byte[LargeBytes]];
    private readonly ReadOnlyMemory<byte>[] _smallData = [new byte[SmallBytes]];
    private readonly ReadOnlyMemory<byte>[] _largeData = [new byte[LargeBytes]];
    private readonly long[] _offsets = new long[Requests];
    private IBlockBackend? _disk;
    private string _folder = "";

    [Params("raw", "qcow2", "qcow2 over raw", "ram")]
    public string Disk { get; set; } = "raw";

    [Params(true, false)]
    public bool OnCaller { get; set; }

    [GlobalSetup]
    public async Task SetupAsync()
    {
        _folder = Directory.CreateTempSubdirectory("vivarium-bench").FullName;
        var path = Path.Combine(_folder, "disk");
        var options = new DiskOptions { BlocksCaller = OnCaller, Backing = BackingPolicy.SameFolder };
        _disk = Disk switch
        {
            "raw" => await RawDisk.CreateAsync(path, SizeBytes, options).ConfigureAwait(false),
            "ram" => new RamDisk(SizeBytes),
            "qcow2" => await Qcow2Disk.CreateAsync(path, SizeBytes, null, options).ConfigureAwait(false),
            _ => await OverAsync(path, options).ConfigureAwait(false),
        };
        if (Disk != "qcow2 over raw")
        {
            await FillAsync(_disk).ConfigureAwait(false);
        }

        var random = new Random(1);
        for (var i = 0; i < Requests; i++)
        {
            _offsets[i] = random.NextInt64(SizeBytes / SmallBytes) * SmallBytes;
        }
    }

    [GlobalCleanup]
    public async Task CleanupAsync()
    {
        await _disk!.DisposeAsync().ConfigureAwait(false);
        Directory.Delete(_folder, recursive: true);
    }

    [Benchmark(Description = "read 4 KiB at random", OperationsPerInvoke = Requests)]
    public async Task ReadRandomAsync()
    {
        foreach (var offset in _offsets)
        {
            await _disk!.ReadAsync(offset, _small).ConfigureAwait(false);
        }
    }

    [Benchmark(Description = "write 4 KiB at random", OperationsPerInvoke = Requests)]
    public async Task WriteRandomAsync()
    {
        foreach (var offset in _offsets)
        {
            await _disk!.WriteAsync(offset, _smallData).ConfigureAwait(false);
        }
    }

    [Benchmark(Description = "read 1 MiB in sequence", OperationsPerInvoke = (int)(SizeBytes / LargeBytes))]
    public async Task ReadSequenceAsync()
    {
        for (long offset = 0; offset < SizeBytes; offset += LargeBytes)
        {
            await _disk!.ReadAsync(offset, _large).ConfigureAwait(false);
        }
    }

    private async Task FillAsync(IBlockBackend disk)
    {
        for (long offset = 0; offset < SizeBytes; offset += LargeBytes)
        {
            await disk.WriteAsync(offset, _largeData).ConfigureAwait(false);
        }

        await disk.FlushAsync().ConfigureAwait(false);
    }

    private async Task<IBlockBackend> OverAsync(string path, DiskOptions options)
    {
        var raw = await RawDisk.CreateAsync(path + ".raw", SizeBytes).ConfigureAwait(false);
        await FillAsync(raw).ConfigureAwait(false);
        await raw.DisposeAsync().ConfigureAwait(false);
        return await Qcow2Disk.CreateAsync(path, null, new Qcow2CreateOptions { BackingFile = "disk.raw", BackingFormat = DiskFormat.Raw }, options).ConfigureAwait(false);
    }
}
