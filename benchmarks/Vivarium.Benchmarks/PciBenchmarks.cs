using BenchmarkDotNet.Attributes;
using Vivarium.Bus;

namespace Vivarium.Benchmarks;

/// <summary>What a driver does all the time, and what it does when it starts. Nothing may be allocated in the first two.</summary>
[MemoryDiagnoser]
public class PciBenchmarks
{
    private const ulong RegionGpa = 0xE000_0000;
    private static readonly PciAddress s_place = new(3);

    private readonly MmioBus _mmio;
    private readonly PortBus _ports;
    private readonly PciBus _bus;
    private uint _moves;

    /// <summary>A bus with one function whose region is placed and whose MSI-X vector 0 is open.</summary>
    public PciBenchmarks()
    {
        var deviceLock = new Lock();
        _mmio = new MmioBus(deviceLock);
        _ports = new PortBus(deviceLock);
        var router = new InterruptRouter();
        router.AttachMsiTarget(new NoTarget());
        _bus = new PciBus(_ports, _mmio, router);
        _ports.Map(0xCF8, PciConfigurationPorts.PortCount, new PciConfigurationPorts(_bus), "configuration");
        _bus.Add(s_place, host => new Bell(host), out _);
        _bus.WriteConfiguration(s_place, 0x10, 4, (uint)RegionGpa);
        _bus.WriteConfiguration(s_place, 0x04, 2, 6);
        _bus.WriteConfiguration(s_place, 0x42, 2, 0x8000);
        _mmio.WriteMmio(RegionGpa + 0x1000, 8, 0xFEE0_0000);
        _mmio.WriteMmio(RegionGpa + 0x100C, 4, 0);
    }

    /// <summary>A write to a region whose function answers with a message.</summary>
    [Benchmark]
    public void RingAndSignal() => _mmio.WriteMmio(RegionGpa, 4, 0);

    /// <summary>A configuration read through the ports.</summary>
    [Benchmark]
    public uint ReadConfiguration()
    {
        _ports.WritePort(0xCF8, 4, 0x8000_1800);
        return _ports.ReadPort(0xCFC, 4);
    }

    /// <summary>A region moves.</summary>
    [Benchmark]
    public void MoveRegion() => _bus.WriteConfiguration(s_place, 0x14, 4, 0xE100_0000 + (++_moves & 1) * 0x10000);

    private sealed class NoTarget : IMsiTarget
    {
        public void SendMsi(ulong address, uint data)
        {
        }
    }

    private sealed class Bell(IPciHost host) : IPciFunction
    {
        public PciFunctionDescription Description { get; } = new()
        {
            VendorId = 1,
            DeviceId = 2,
            ClassCode = 0xFF0000,
            Bars = [new PciBar(0, PciBarKind.Memory32, 0x2000), new PciBar(1, PciBarKind.Memory32, 0x1000)],
            MsiX = new PciMsiX(1, 0, 0x1000, 0x1800),
        };

        public string StateName => "bell";

        public IoResult WriteBar(int bar, ulong offset, int sizeBytes, ulong value)
        {
            host.SignalMessage(0);
            return IoResult.Ok;
        }

        public void Reset()
        {
        }

        public void Save(StateWriter writer)
        {
        }

        public void Restore(StateReader reader)
        {
        }
    }
}
