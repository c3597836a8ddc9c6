using BenchmarkDotNet.Attributes;
using Vivarium.Network;

namespace Vivarium.Benchmarks;

/// <summary>One operation is one frame from a port of a virtual switch to another's queue and out of it.</summary>
public class SwitchBenchmarks
{
    private const int Batch = 32;
    private const int Batches = 1_000;

    private readonly EthernetFrame[] _frames = new EthernetFrame[Batch];
    private VirtualSwitch? _switch;
    private SwitchPort? _sender;
    private FrameQueue? _receiver;

    [Params(64, 1_514)]
    public int FrameBytes { get; set; }

    [Params(2, 1_000)]
    public int Ports { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        _switch = new VirtualSwitch(TimeProvider.System);
        _receiver = new FrameQueue(() => { });
        _sender = _switch.AddPort(new FrameQueue(() => { }));
        for (var i = 1; i < Ports; i++)
        {
            var port = _switch.AddPort(i == 1 ? _receiver : new FrameQueue(() => { }, maxFrames: 1));
            var frame = _switch.Pool.Rent(64);
            Write(frame, MacAddress.FromSeed(1, 0), MacAddress.FromSeed(1, i));
            port.Send([frame]);
        }
    }

    [GlobalCleanup]
    public void Cleanup() => _switch!.Dispose();

    [Benchmark(Description = "forward, batches of 32", OperationsPerInvoke = Batch * Batches)]
    public void ForwardBatches()
    {
        for (var i = 0; i < Batches; i++)
        {
            _switch!.Pool.Rent(FrameBytes, _frames);
            foreach (var frame in _frames)
            {
                Write(frame, MacAddress.FromSeed(1, 1), MacAddress.FromSeed(1, 0));
            }

            _sender!.Send(_frames);
            EthernetFrame.Release(_frames.AsSpan(0, _receiver!.Receive(_frames)));
        }
    }

    [Benchmark(Description = "forward, one by one", OperationsPerInvoke = Batches)]
    public void ForwardSingly()
    {
        for (var i = 0; i < Batches; i++)
        {
            var frame = _switch!.Pool.Rent(FrameBytes);
            Write(frame, MacAddress.FromSeed(1, 1), MacAddress.FromSeed(1, 0));
            _sender!.Send(new ReadOnlySpan<EthernetFrame>(in frame));
            EthernetFrame.Release(_frames.AsSpan(0, _receiver!.Receive(_frames)));
        }
    }

    private static void Write(EthernetFrame frame, MacAddress to, MacAddress from)
    {
        to.Write(frame.Span);
        from.Write(frame.Span[6..]);
        frame.Span[12] = 0x88;
        frame.Span[13] = 0xB5;
    }
}
