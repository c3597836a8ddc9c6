using BenchmarkDotNet.Attributes;
using Vivarium.Network.UserMode;

namespace Vivarium.Benchmarks;

/// <summary>One operation is one mebibyte from one end of the gateway's TCP to another, without a network between them.</summary>
public class TcpBenchmarks
{
    private const int Bytes = 1 << 20;
    private const int Mebibytes = 64;

    private readonly byte[] _data = new byte[64 << 10];
    private readonly Queue _fromSender = new();
    private readonly Queue _fromReceiver = new();
    private TcpConnection? _sender;
    private TcpConnection? _receiver;
    private long _nowNs = 1;

    /// <summary>The largest payload of one segment, or of one that the switch would cut.</summary>
    [Params(1_460, 58_400)]
    public int BurstBytes { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        var settings = new TcpSettings { MaxBurstBytes = BurstBytes };
        var (a, b) = (IpAddress.FromV4(0x0A00_0001), IpAddress.FromV4(0x0A00_0002));
        _sender = new TcpConnection(new ConnectionKey(a, 1, b, 2), _fromSender, settings, 1);
        _receiver = new TcpConnection(new ConnectionKey(b, 2, a, 1), _fromReceiver, settings, 2);
        _sender.Connect(_nowNs);
        TcpHeader.TryParse(_fromSender.Take(), out var syn);
        _receiver.Hold(syn);
        _receiver.Answer(_nowNs);
        TcpHeader.TryParse(_fromReceiver.Take(), out var answer);
        _sender.Input(answer, _nowNs);
        _sender.Output(_nowNs);
        Exchange();
    }

    [Benchmark(Description = "TCP, a MiB", OperationsPerInvoke = Mebibytes)]
    public void Transfer()
    {
        for (var sent = 0L; sent < (long)Mebibytes * Bytes;)
        {
            _nowNs += 1_000;
            sent += _sender!.Write(_data, _nowNs);
            Exchange();
            while (_receiver!.Read(_data, _nowNs) > 0)
            {
            }
        }
    }

    private void Exchange()
    {
        while (_fromSender.Count + _fromReceiver.Count > 0)
        {
            Drain(_fromSender, _receiver!);
            Drain(_fromReceiver, _sender!);
        }
    }

    private void Drain(Queue queue, TcpConnection to)
    {
        while (queue.Count > 0)
        {
            if (TcpHeader.TryParse(queue.Take(), out var segment))
            {
                to.Input(segment, _nowNs);
            }
        }

        to.Output(_nowNs);
    }

    /// <summary>Segments in buffers that are used again.</summary>
    private sealed class Queue : ITcpLink
    {
        private readonly Queue<(byte[] Buffer, int Length)> _segments = new();
        private readonly Stack<byte[]> _free = new();
        private byte[] _place = [];
        private int _length;
        private byte[]? _taken;

        public int Count => _segments.Count;

        public Span<byte> Begin(TcpConnection connection, int segmentBytes)
        {
            _place = _free.TryPop(out var buffer) ? buffer : new byte[66_000];
            _length = segmentBytes;
            return _place.AsSpan(0, segmentBytes);
        }

        public void End(TcpConnection connection, int headerBytes, int segmentPayloadBytes) => _segments.Enqueue((_place, _length));

        public ReadOnlySpan<byte> Take()
        {
            if (_taken is not null)
            {
                _free.Push(_taken);
            }

            var (buffer, length) = _segments.Dequeue();
            _taken = buffer;
            return buffer.AsSpan(0, length);
        }
    }
}
