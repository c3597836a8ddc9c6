using BenchmarkDotNet.Attributes;
using Vivarium.Memory;
using Vivarium.Scheduling;
using Vivarium.Storage;

namespace Vivarium.Benchmarks;

/// <summary>What a disk device under measurement needs around it: guest memory, the machine's events, and a disk in memory or in a file.</summary>
public abstract class DiskBenchmark
{
    private const long DiskBytes = 64 << 20;

    private VmTimerService? _timers;
    private VmEventQueue? _events;
    private IBlockBackend? _backend;
    private string _folder = "";

    [Params("ram", "file")]
    public string Disk { get; set; } = "ram";

    protected GuestMemory Memory { get; } = new();

    protected Lock DeviceLock { get; } = new();

    protected VmEventQueue Events => _events!;

    protected IBlockBackend Backend => _backend!;

    [GlobalCleanup]
    public async Task CleanupAsync()
    {
        _events!.Dispose();
        _timers!.Dispose();
        await _backend!.DisposeAsync().ConfigureAwait(false);
        Memory.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    protected async Task PrepareAsync()
    {
        _folder = Directory.CreateTempSubdirectory("vivarium-bench").FullName;
        Memory.AddRam(0, 1 << 20);
        _backend = Disk == "ram" ? new RamDisk(DiskBytes) : await RawDisk.CreateAsync(Path.Combine(_folder, "disk"), DiskBytes).ConfigureAwait(false);
        await _backend.WriteAsync(0, [new byte[1 << 20]]).ConfigureAwait(false);
        _timers = new VmTimerService();
        _events = new VmEventQueue(_timers, DeviceLock, _ => { });
        _events.Start();
    }

    /// <summary>An interrupt that the driver spins for.</summary>
    protected sealed class Signal
    {
        private volatile bool _raised;

        public void Raise() => _raised = true;

        public void Wait()
        {
            var wait = default(SpinWait);
            while (!_raised)
            {
                wait.SpinOnce(sleep1Threshold: -1);
            }

            _raised = false;
        }
    }
}
