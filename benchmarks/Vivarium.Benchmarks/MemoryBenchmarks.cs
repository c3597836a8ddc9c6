using BenchmarkDotNet.Attributes;
using Vivarium.Memory;

namespace Vivarium.Benchmarks;

/// <summary>Guest memory as devices and loaders use it.</summary>
public class MemoryBenchmarks
{
    private const int Accesses = 10_000;
    private const int BulkBytes = 64 << 10;

    private readonly byte[] _bulk = new byte[BulkBytes];
    private GuestMemory? _memory;

    [GlobalSetup]
    public void Setup()
    {
        _memory = new GuestMemory();
        _memory.AddRam(0, 16 << 20);
        _memory.TryWrite(0, new byte[16 << 20]);
    }

    [GlobalCleanup]
    public void Cleanup() => _memory!.Dispose();

    [Benchmark(Description = "read 8 bytes", OperationsPerInvoke = Accesses)]
    public ulong Read()
    {
        ulong sum = 0;
        for (var i = 0; i < Accesses; i++)
        {
            sum += _memory!.Read<ulong>((ulong)i * 8);
        }

        return sum;
    }

    [Benchmark(Description = "write 8 bytes", OperationsPerInvoke = Accesses)]
    public void Write()
    {
        for (var i = 0; i < Accesses; i++)
        {
            _memory!.Write((ulong)i * 8, (ulong)i);
        }
    }

    [Benchmark(Description = "compare-exchange 8 bytes", OperationsPerInvoke = Accesses)]
    public void CompareExchange()
    {
        for (var i = 0; i < Accesses; i++)
        {
            _memory!.TryCompareExchange((ulong)i * 8, 1UL, 0UL, out _);
        }
    }

    [Benchmark(Description = "read 64 KiB")]
    public bool ReadBulk() => _memory!.TryRead(1 << 20, _bulk);

    [Benchmark(Description = "write 64 KiB")]
    public bool WriteBulk() => _memory!.TryWrite(1 << 20, _bulk);
}
