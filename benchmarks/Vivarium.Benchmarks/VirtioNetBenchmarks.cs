using BenchmarkDotNet.Attributes;
using Vivarium.Memory;
using Vivarium.Virtio;

namespace Vivarium.Benchmarks;

/// <summary>
/// One frame through a network device: from the driver's kick into the network, and from the network into the driver's buffer with its
/// interrupt. The copy of the frame is in it, the event queue's thread is not.
/// </summary>
[MemoryDiagnoser]
public class VirtioNetBenchmarks
{
    private const ulong QueuesGpa = 0x1_0000;
    private const ulong QueueBytes = 0x4000;
    private const ulong DriverOffset = 0x1000;
    private const ulong DeviceOffset = 0x2000;
    private const ulong DataGpa = 0x4_0000;
    private const int QueueSize = 256;
    private const int HeaderBytes = 12;

    private readonly GuestMemory _memory = new();
    private readonly FramePool _pool = new();
    private readonly EthernetFrame[] _frames = new EthernetFrame[1];
    private readonly byte[] _data = new byte[65_536];
    private VirtioNet? _device;
    private VirtioMmio? _registers;
    private ushort _sent;
    private ushort _offered;

    [Params(60, 1_514, 65_226)]
    public int FrameBytes { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        _memory.AddRam(0, 1 << 20);
        _device = new VirtioNet(new VirtioServices(_memory, new ImmediateEvents()), "virtio-net0", _pool);
        _device.Connect(new Drain());
        _registers = new VirtioMmio(_device, new QuietLine());
        _device.Start();
        Write(0x070, 1);
        Write(0x070, 3);
        Write(0x024, 0);
        Write(0x020, (1 << 0) | (1 << 1) | (1 << 15));
        Write(0x024, 1);
        Write(0x020, 1);
        Write(0x070, 11);
        for (var queue = 0u; queue < 2; queue++)
        {
            var gpa = QueuesGpa + (queue * QueueBytes);
            Write(0x030, queue);
            Write(0x038, QueueSize);
            Write(0x080, (uint)gpa);
            Write(0x090, (uint)(gpa + DriverOffset));
            Write(0x0A0, (uint)(gpa + DeviceOffset));
            Write(0x044, 1);
            _memory.Write(gpa, DataGpa);
            _memory.Write(gpa + 8, (uint)(HeaderBytes + FrameBytes));
            _memory.Write(gpa + 12, (ushort)(queue == 0 ? 2 : 0));
        }

        Write(0x070, 15);
    }

    [GlobalCleanup]
    public void Cleanup() => _memory.Dispose();

    [Benchmark(Description = "guest to network")]
    public void Send()
    {
        Offer(QueuesGpa + QueueBytes, ref _sent);
        Write(0x050, 1);
        Write(0x064, 1);
    }

    [Benchmark(Description = "network to guest")]
    public void Receive()
    {
        Offer(QueuesGpa, ref _offered);
        var frame = _pool.Rent(FrameBytes);
        _data.AsSpan(0, FrameBytes).CopyTo(frame.Span);
        _frames[0] = frame;
        _device!.Input.Send(_frames);
        Write(0x064, 1);
    }

    private void Offer(ulong gpa, ref ushort index)
    {
        _memory.Write(gpa + DriverOffset + 4 + (2 * (ulong)(index % QueueSize)), (ushort)0);
        _memory.Write(gpa + DriverOffset + 2, ++index);
    }

    private void Write(ulong offset, uint value) => _registers!.WriteMmio(offset, 4, value);

    private sealed class ImmediateEvents : IVmEventQueue
    {
        public void Post(Action action) => action();
    }

    private sealed class QuietLine : IrqLine
    {
        protected override void OnLevelChanged(bool level)
        {
        }
    }

    private sealed class Drain : IFrameSink
    {
        public FrameCapabilities Capabilities => FrameCapabilities.All;

        public void Send(ReadOnlySpan<EthernetFrame> frames) => EthernetFrame.Release(frames);
    }
}
