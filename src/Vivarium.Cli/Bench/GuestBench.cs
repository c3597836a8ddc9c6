using Vivarium.Bus;
using Vivarium.Memory;
using Vivarium.X86;

namespace Vivarium.Cli;

/// <summary>A loop of a few guest instructions on a processor with no machine around it: 32-bit, flat, without paging.</summary>
internal sealed class GuestBench : IDisposable
{
    /// <summary>Bytes that one round of <see cref="CopyLoop"/> copies.</summary>
    public const int CopiedBytes = 8 << 20;

    /// <summary>add eax,ecx; xor edx,eax; rol edx,3; lea ebx,[edx+eax]; dec ecx; jnz to the first; jmp to the first.</summary>
    public static readonly byte[] ArithmeticLoop = [0x01, 0xC8, 0x31, 0xC2, 0xC1, 0xC2, 0x03, 0x8D, 0x1C, 0x02, 0x49, 0x75, 0xF3, 0xEB, 0xF1];

    /// <summary>mov esi,1000000h; mov edi,2000000h; mov ecx,200000h; rep movsd; jmp to the first.</summary>
    public static readonly byte[] CopyLoop = [0xBE, 0, 0, 0, 1, 0xBF, 0, 0, 0, 2, 0xB9, 0, 0, 0x20, 0, 0xF3, 0xA5, 0xEB, 0xED];

    /// <summary>add eax,[esi]; add esi,64; and esi,1FFFFFFh; or esi,1000000h; jmp to the first: 16 MiB, a line of the cache each time.</summary>
    public static readonly byte[] LoadLoop = [0x03, 0x06, 0x83, 0xC6, 0x40, 0x81, 0xE6, 0xFF, 0xFF, 0xFF, 1, 0x81, 0xCE, 0, 0, 0, 1, 0xEB, 0xED];

    /// <summary>in al,80h; jmp to it.</summary>
    public static readonly byte[] PortLoop = [0xE4, 0x80, 0xEB, 0xFC];

    /// <summary>mov eax,[8000000h]; jmp to it: not RAM, but a device.</summary>
    public static readonly byte[] MmioLoop = [0xA1, 0, 0, 0, 8, 0xEB, 0xF9];

    private const ulong RamBytes = 64 << 20;
    private const ulong CodeGpa = 0x1000;
    private const ulong DeviceGpa = 0x800_0000;
    private const ushort Port = 0x80;

    private readonly GuestMemory _memory = new();
    private readonly Recompiler? _recompiler;
    private readonly X86Cpu _cpu;

    private GuestBench(byte[] loop, bool recompiles)
    {
        _memory.AddRam(0, RamBytes);
        _memory.TryWrite(CodeGpa, loop);
        var deviceLock = new Lock();
        var register = new Register();
        var ports = new PortBus(deviceLock);
        ports.Map(Port, 1, register, "register");
        var mmio = new MmioBus(deviceLock);
        mmio.Map(DeviceGpa, 0x1000, register, "register");
        _recompiler = recompiles ? new Recompiler() : null;
        _cpu = new X86Cpu(new X86CpuOptions { Memory = _memory, PortIo = ports, MmioPort = mmio, Engine = _recompiler });
        _cpu[X86Register.Cr0] = 0x11;
        _cpu.SetSegment(X86Segment.Cs, 0x08, 0, uint.MaxValue, 0xC09B);
        foreach (var segment in (X86Segment[])[X86Segment.Ds, X86Segment.Es, X86Segment.Ss])
        {
            _cpu.SetSegment(segment, 0x10, 0, uint.MaxValue, 0xC093);
        }

        _cpu[X86Register.Rip] = CodeGpa;
    }

    /// <summary>The engines of this host.</summary>
    public static IReadOnlyList<(string Name, bool Recompiles)> Engines =>
        Recompiler.IsSupported ? [("recompiler", true), ("interpreter", false)] : [("interpreter", false)];

    /// <summary>Instructions a second of a loop, measured for about so long, a quarter of it to warm up.</summary>
    /// <exception cref="InvalidOperationException">The processor stopped.</exception>
    public static double Run(byte[] loop, bool recompiles, double seconds, long instructionsPerTurn)
    {
        // A measurement is of the host's time, and this is a program.
#pragma warning disable RS0030
        var time = TimeProvider.System;
#pragma warning restore RS0030
        using var bench = new GuestBench(loop, recompiles);

        // The runtime compiles again what was called often, which takes it some calls and a while.
        bench.Measure(time, seconds / 4, instructionsPerTurn);
        return bench.Measure(time, seconds * 3 / 4, instructionsPerTurn);
    }

    public void Dispose()
    {
        _cpu.Dispose();
        _recompiler?.Dispose();
        _memory.Dispose();
    }

    private double Measure(TimeProvider time, double seconds, long instructionsPerTurn)
    {
        var start = time.GetTimestamp();
        var instructions = 0L;
        TimeSpan elapsed;
        do
        {
            instructions += Turn(instructionsPerTurn);
            elapsed = time.GetElapsedTime(start);
        }
        while (elapsed.TotalSeconds < seconds);
        return instructions / elapsed.TotalSeconds;
    }

    private long Turn(long instructions)
    {
        var exit = _cpu.Run(instructions);
        return exit.Reason == VcpuExitReason.Budget
            ? exit.Instructions
            : throw new InvalidOperationException($"The guest ended with {exit.Reason} at 0x{_cpu[X86Register.Rip]:X}.");
    }

    private sealed class Register : IPortDevice, IMmioDevice
    {
        private byte _reads;

        public IoResult ReadPort(ushort offset, int sizeBytes, out uint value)
        {
            value = _reads++;
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
