using BenchmarkDotNet.Attributes;
using Vivarium.Measurements;
using Vivarium.Scheduling;

namespace Vivarium.Benchmarks;

/// <summary>Whole machines: building one until its first instruction, and saving and restoring 32 MiB that are not zero.</summary>
public class MachineBenchmarks
{
    private const int UsedBytes = 32 << 20;
    private static readonly byte[] s_halt = [0xF4, 0xEB, 0xFD];

    private readonly MemoryStream _snapshot = new();
    private VirtualMachine? _machine;

    [GlobalSetup]
    public async Task SetupAsync()
    {
        _machine = new VirtualMachineBuilder().WithMemory(256 << 20).WithBootLoader(new FlatBinaryLoader(s_halt)).Build();

        // Half of it compresses well, half hardly.
        var content = new byte[UsedBytes];
        new Random(1).NextBytes(content.AsSpan(0, UsedBytes / 2));
        for (var i = UsedBytes / 2; i < UsedBytes; i++)
        {
            content[i] = (byte)((i >> 6) | 1);
        }

        _machine.Memory.TryWrite(16 << 20, content);
        await _machine.SaveAsync(_snapshot);
    }

    [GlobalCleanup]
    public ValueTask CleanupAsync() => _machine!.DisposeAsync();

    [Benchmark(Description = "build to first instruction, 256 MiB")]
    public Task BuildSmall() => BuildAsync(256 << 20);

    [Benchmark(Description = "build to first instruction, 4 GiB")]
    public Task BuildLarge() => BuildAsync(4UL << 30);

    [Benchmark(Description = "save 32 MiB")]
    public Task Save()
    {
        _snapshot.Position = 0;
        return _machine!.SaveAsync(_snapshot);
    }

    [Benchmark(Description = "restore 32 MiB")]
    public Task Restore()
    {
        _snapshot.Position = 0;
        return _machine!.RestoreAsync(_snapshot);
    }

    private static async Task BuildAsync(ulong memoryBytes)
    {
        using var scheduler = new FirstInstructionScheduler(new ThreadPerVcpuScheduler());
        await using var vm = new VirtualMachineBuilder().WithMemory(memoryBytes).WithBootLoader(new FlatBinaryLoader(s_halt)).WithScheduler(scheduler).Build();
        await vm.StartAsync();
        await scheduler.FirstInstruction;
    }
}
