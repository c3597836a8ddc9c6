using BenchmarkDotNet.Attributes;
using Vivarium.Devices;
using Vivarium.Memory;
using Vivarium.Scheduling;
using Vivarium.Storage;

namespace Vivarium.Benchmarks;

/// <summary>
/// One read of 4 KiB through a disk controller, from the driver's doorbell to its interrupt, as <see cref="VirtioBenchmarks"/> has it for virtio.
/// </summary>
public class DiskControllerBenchmarks
{
    private const ulong ListGpa = 0x1000;
    private const ulong FisGpa = 0x2000;
    private const ulong TableGpa = 0x3000;
    private const ulong AdminGpa = 0x4000;
    private const ulong AdminCompletionGpa = 0x5000;
    private const ulong SubmissionGpa = 0x6000;
    private const ulong CompletionGpa = 0x8000;
    private const ulong DataGpa = 0x10000;
    private const int Entries = 64;
    private const long DiskBytes = 64 << 20;
    private const int AhciPort = 0x100;

    private readonly GuestMemory _memory = new();
    private readonly Lock _deviceLock = new();
    private readonly SignalledHost _host = new();
    private VmTimerService? _timers;
    private VmEventQueue? _events;
    private IBlockBackend? _backend;
    private IPciFunction? _function;
    private string _folder = "";
    private uint _next;

    [Params("ram", "file")]
    public string Disk { get; set; } = "ram";

    private async Task SetupAsync()
    {
        _folder = Directory.CreateTempSubdirectory("vivarium-bench").FullName;
        _memory.AddRam(0, 1 << 20);
        _backend = Disk == "ram" ? new RamDisk(DiskBytes) : await RawDisk.CreateAsync(Path.Combine(_folder, "disk"), DiskBytes).ConfigureAwait(false);
        await _backend.WriteAsync(0, [new byte[1 << 20]]).ConfigureAwait(false);
        _timers = new VmTimerService();
        _events = new VmEventQueue(_timers, _deviceLock, _ => { });
        _events.Start();
    }

    [GlobalSetup(Target = nameof(Nvme))]
    public async Task SetupNvmeAsync()
    {
        await SetupAsync().ConfigureAwait(false);
        _host.UsesMessages = true;
        _function = new NvmeController(_host, "nvme0", _memory, _events!, [_backend!]);
        Begin(0);
        Write(0x24, ((Entries - 1) << 16) | (Entries - 1));
        Write(0x28, (uint)AdminGpa);
        Write(0x30, (uint)AdminCompletionGpa);
        Write(0x14, 0x0046_0001);
        SubmitAdmin(0, 0x05, CompletionGpa, (1 << 16) | 3);
        SubmitAdmin(1, 0x01, SubmissionGpa, (1 << 16) | 1);

        // All commands are the same: a read of eight blocks, the pages of which are one.
        for (var i = 0; i < Entries; i++)
        {
            var gpa = SubmissionGpa + ((ulong)i * 64);
            _memory.Write(gpa, 0x0000_0002u);
            _memory.Write(gpa + 4, 1u);
            _memory.Write(gpa + 24, DataGpa);
            _memory.Write(gpa + 48, 7u);
        }
    }

    [GlobalSetup(Target = nameof(Ahci))]
    public async Task SetupAhciAsync()
    {
        await SetupAsync().ConfigureAwait(false);
        _function = new AhciController(_host, "ahci0", _memory, _events!, [new AhciDisk(_backend!)]);
        Begin(5);
        Write(0x04, 0x8000_0002);
        Write(AhciPort, (uint)ListGpa);
        Write(AhciPort + 0x08, (uint)FisGpa);
        Write(AhciPort + 0x18, 1 << 4);
        Write(AhciPort + 0x18, (1 << 4) | 1);
        AcknowledgeAhci();
        Write(AhciPort + 0x14, 0xFFFF_FFFF);
        _memory.Write(ListGpa, 5u | (1 << 16));
        _memory.Write(ListGpa + 8, TableGpa);

        // READ DMA EXT of eight sectors from the first.
        _memory.Write(TableGpa, 0x0025_8027u);
        _memory.Write(TableGpa + 4, 0x4000_0000u);
        _memory.Write(TableGpa + 12, 8u);
        _memory.Write(TableGpa + 0x80, DataGpa);
        _memory.Write(TableGpa + 0x8C, 4095u);
    }

    [GlobalCleanup]
    public async Task CleanupAsync()
    {
        _events!.Dispose();
        _timers!.Dispose();
        await _backend!.DisposeAsync().ConfigureAwait(false);
        _memory.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Benchmark(Description = "NVMe: read 4 KiB, doorbell to interrupt")]
    public void Nvme()
    {
        _next = (_next + 1) % Entries;
        Write(0x1008, _next);
        _host.Wait();
        Write(0x100C, _next);
    }

    [Benchmark(Description = "AHCI: read 4 KiB, issue to interrupt")]
    public void Ahci()
    {
        Write(AhciPort + 0x38, 1);
        _host.Wait();
        AcknowledgeAhci();
    }

    private void Begin(int bar)
    {
        _host.Bar = bar;
        lock (_deviceLock)
        {
            _function!.Reset();
            _function.Start();
        }
    }

    private void SubmitAdmin(uint index, uint opcode, ulong gpa, uint how)
    {
        var command = AdminGpa + (index * 64);
        _memory.Write(command, opcode);
        _memory.Write(command + 24, gpa);
        _memory.Write(command + 40, ((uint)(Entries - 1) << 16) | 1);
        _memory.Write(command + 44, how);
        Write(0x1000, index + 1);
        _host.Wait();
        if (_memory.Read<ushort>(AdminCompletionGpa + (index * 16) + 14) >> 1 != 0)
        {
            throw new InvalidOperationException($"The controller refused the admin command 0x{opcode:X}.");
        }
    }

    private void AcknowledgeAhci()
    {
        Write(AhciPort + 0x10, 0xFFFF_FFFF);
        Write(0x08, 0xFFFF_FFFF);
    }

    private void Write(ulong offset, uint value)
    {
        lock (_deviceLock)
        {
            _function!.WriteBar(_host.Bar, offset, sizeof(uint), value);
        }
    }

    private sealed class SignalledHost : IPciHost
    {
        private volatile bool _raised;

        public int Bar { get; set; }

        public bool UsesMessages { get; set; }

        public bool IsMsiXEnabled => UsesMessages;

        public bool IsMsiEnabled => UsesMessages;

        public bool IsBusMaster => true;

        public void Wait()
        {
            var wait = default(SpinWait);
            while (!_raised)
            {
                wait.SpinOnce(sleep1Threshold: -1);
            }

            _raised = false;
        }

        public bool SignalMessage(int vector)
        {
            _raised |= UsesMessages;
            return UsesMessages;
        }

        public void SetInterruptPin(bool level) => _raised |= level;
    }
}
