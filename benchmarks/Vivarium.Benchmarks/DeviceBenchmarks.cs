using BenchmarkDotNet.Attributes;
using Iced.Intel;
using Microsoft.Extensions.Logging.Abstractions;
using Vivarium.Bus;
using static Iced.Intel.AssemblerRegisters;

namespace Vivarium.Benchmarks;

/// <summary>One operation is one access from a guest instruction through the bus to a device and back, with the jump of its loop.</summary>
public class DeviceBenchmarks
{
    private const int Accesses = 100_000;
    private const int LoopInstructions = 2;
    private const byte Port = 0x80;

    private BareProcessor? _port;
    private BareProcessor? _mmio;

    [GlobalSetup]
    public void Setup()
    {
        var deviceLock = new Lock();
        var register = new Register();
        var ports = new PortBus(deviceLock, NullLogger.Instance);
        ports.Map(Port, 1, register, "register");
        var mmio = new MmioBus(deviceLock, NullLogger.Instance);
        mmio.Map(BareProcessor.DeviceGpa, 0x1000, register, "register");
        _port = new BareProcessor(code => EmitLoop(code, () => code.@in(al, Port)), ports, mmio);
        _mmio = new BareProcessor(code => EmitLoop(code, () => code.mov(eax, __dword_ptr[BareProcessor.DeviceGpa])), ports, mmio);
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        _port!.Dispose();
        _mmio!.Dispose();
    }

    [Benchmark(Description = "port read", OperationsPerInvoke = Accesses)]
    public long ReadPort() => _port!.Run(Accesses * LoopInstructions);

    [Benchmark(Description = "MMIO read", OperationsPerInvoke = Accesses)]
    public long ReadMmio() => _mmio!.Run(Accesses * LoopInstructions);

    private static void EmitLoop(Assembler code, Action emitAccess)
    {
        var loop = code.CreateLabel();
        code.Label(ref loop);
        emitAccess();
        code.jmp(loop);
    }

    private sealed class Register : IPortDevice, IMmioDevice
    {
        private uint _reads;

        public IoResult ReadPort(ushort offset, int sizeBytes, out uint value)
        {
            value = _reads++ & 0xFF;
            return IoResult.Ok;
        }

        public IoResult WritePort(ushort offset, int sizeBytes, uint value) => IoResult.ReadOnly;

        public IoResult ReadMmio(ulong offset, int sizeBytes, out ulong value)
        {
            value = _reads++;
            return IoResult.Ok;
        }

        public IoResult WriteMmio(ulong offset, int sizeBytes, ulong value) => IoResult.ReadOnly;
    }
}
