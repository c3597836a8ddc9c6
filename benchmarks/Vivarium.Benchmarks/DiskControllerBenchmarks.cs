using BenchmarkDotNet.Attributes;
using Vivarium.Devices;

namespace Vivarium.Benchmarks;

/// <summary>
/// One read of 4 KiB through a disk controller, from the driver's doorbell to its interrupt, as <see cref="VirtioBenchmarks"/> has it for virtio.
/// </summary>
public class DiskControllerBenchmarks : DiskBenchmark
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
    private const int AhciPort = 0x100;

    private readonly SignalledHost _host = new();
    private IPciFunction? _function;
    private uint _next;

    [GlobalSetup(Target = nameof(Nvme))]
    public async Task SetupNvmeAsync()
    {
        await PrepareAsync().ConfigureAwait(false);
        _host.UsesMessages = true;
        _function = new NvmeController(_host, "nvme0", Memory, Events, [Backend]);
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
            Memory.Write(gpa, 0x0000_0002u);
            Memory.Write(gpa + 4, 1u);
            Memory.Write(gpa + 24, DataGpa);
            Memory.Write(gpa + 48, 7u);
        }
    }

    [GlobalSetup(Target = nameof(Ahci))]
    public async Task SetupAhciAsync()
    {
        await PrepareAsync().ConfigureAwait(false);
        _function = new AhciController(_host, "ahci0", Memory, Events, [new AhciDisk(Backend)]);
        Begin(5);
        Write(0x04, 0x8000_0002);
        Write(AhciPort, (uint)ListGpa);
        Write(AhciPort + 0x08, (uint)FisGpa);
        Write(AhciPort + 0x18, 1 << 4);
        Write(AhciPort + 0x18, (1 << 4) | 1);
        AcknowledgeAhci();
        Write(AhciPort + 0x14, 0xFFFF_FFFF);
        Memory.Write(ListGpa, 5u | (1 << 16));
        Memory.Write(ListGpa + 8, TableGpa);

        // READ DMA EXT of eight sectors from the first.
        Memory.Write(TableGpa, 0x0025_8027u);
        Memory.Write(TableGpa + 4, 0x4000_0000u);
        Memory.Write(TableGpa + 12, 8u);
        Memory.Write(TableGpa + 0x80, DataGpa);
        Memory.Write(TableGpa + 0x8C, 4095u);
    }

    [Benchmark(Description = "NVMe: read 4 KiB, doorbell to interrupt")]
    public void Nvme()
    {
        _next = (_next + 1) % Entries;
        Write(0x1008, _next);
        _host.Raised.Wait();
        Write(0x100C, _next);
    }

    [Benchmark(Description = "AHCI: read 4 KiB, issue to interrupt")]
    public void Ahci()
    {
        Write(AhciPort + 0x38, 1);
        _host.Raised.Wait();
        AcknowledgeAhci();
    }

    private void Begin(int bar)
    {
        _host.Bar = bar;
        lock (DeviceLock)
        {
            _function!.Reset();
            _function.Start();
        }
    }

    private void SubmitAdmin(uint index, uint opcode, ulong gpa, uint how)
    {
        var command = AdminGpa + (index * 64);
        Memory.Write(command, opcode);
        Memory.Write(command + 24, gpa);
        Memory.Write(command + 40, ((uint)(Entries - 1) << 16) | 1);
        Memory.Write(command + 44, how);
        Write(0x1000, index + 1);
        _host.Raised.Wait();
        if (Memory.Read<ushort>(AdminCompletionGpa + (index * 16) + 14) >> 1 != 0)
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
        lock (DeviceLock)
        {
            _function!.WriteBar(_host.Bar, offset, sizeof(uint), value);
        }
    }

    private sealed class SignalledHost : IPciHost
    {
        public Signal Raised { get; } = new();

        public int Bar { get; set; }

        public bool UsesMessages { get; set; }

        public bool IsMsiXEnabled => UsesMessages;

        public bool IsMsiEnabled => UsesMessages;

        public bool IsBusMaster => true;

        public bool SignalMessage(int vector)
        {
            if (UsesMessages)
            {
                Raised.Raise();
            }

            return UsesMessages;
        }

        public void SetInterruptPin(bool level)
        {
            if (level)
            {
                Raised.Raise();
            }
        }
    }
}
