namespace Vivarium.Network.UserMode.Tests;

/// <summary>Two connections and a wire between them that loses, doubles, delays and reorders, in simulated time.</summary>
internal sealed class TcpWire
{
    private readonly Random _random;
    private readonly PriorityQueue<(Side To, byte[] Segment), (long DueNs, long Order)> _travelling = new();
    private long _order;

    public TcpWire(int seed, TcpSettings settings, double loss = 0, double duplication = 0, double reordering = 0, uint? sequence = null)
    {
        _random = new Random(seed);
        (Loss, Duplication, Reordering) = (loss, duplication, reordering);
        var (a, b) = (IpAddress.FromV4(0x0A00_0001), IpAddress.FromV4(0x0A00_0002));
        Client = new Side(this, new ConnectionKey(a, 1000, b, 80), settings, sequence ?? (uint)_random.Next());
        Server = new Side(this, new ConnectionKey(b, 80, a, 1000), settings, sequence ?? (uint)_random.Next());
        (Client.Other, Server.Other) = (Server, Client);
    }

    public double Loss { get; set; }

    public double Duplication { get; }

    public double Reordering { get; }

    public long NowNs { get; private set; } = 1_000_000_000;

    public long DelayNs { get; init; } = 1_000_000;

    public Side Client { get; }

    public Side Server { get; }

    public int Segments { get; private set; }

    /// <summary>Runs until nothing is left to happen, or the condition holds, or too much time has passed.</summary>
    public bool Run(Func<bool> until, TimeSpan? most = null)
    {
        var endNs = NowNs + ((most ?? TimeSpan.FromHours(2)).Ticks * 100);
        for (var steps = 0; steps < 2_000_000; steps++)
        {
            if (until())
            {
                return true;
            }

            var nextNs = Math.Min(Client.Connection.NextDeadlineNs, Server.Connection.NextDeadlineNs);
            if (_travelling.TryPeek(out _, out var due) && due.DueNs <= nextNs)
            {
                NowNs = Math.Max(NowNs, due.DueNs);
                var (to, segment) = _travelling.Dequeue();
                to.Take(segment);
                continue;
            }

            if (nextNs > endNs)
            {
                return until();
            }

            NowNs = Math.Max(NowNs, nextNs);
            foreach (var end in (Side[])[Client, Server])
            {
                if (end.Connection.NextDeadlineNs <= NowNs)
                {
                    end.Connection.OnTime(NowNs);
                }
            }
        }

        return false;
    }

    /// <summary>Lets an end take a segment out of the blue.</summary>
    public void Inject(Side to, byte[] segment) => to.Take(segment);

    private void Send(Side to, byte[] segment)
    {
        Segments++;
        if (_random.NextDouble() < Loss)
        {
            return;
        }

        for (var copies = _random.NextDouble() < Duplication ? 2 : 1; copies > 0; copies--)
        {
            var dueNs = NowNs + DelayNs + (_random.NextDouble() < Reordering ? _random.Next(10) * 1_000_000L : 0);
            _travelling.Enqueue((to, segment), (dueNs, _order++));
        }
    }

    /// <summary>One end, and what its user does.</summary>
    internal sealed class Side : ITcpLink
    {
        private readonly TcpWire _wire;
        private byte[] _place = [];

        public Side(TcpWire wire, ConnectionKey key, TcpSettings settings, uint sequence)
        {
            _wire = wire;
            Connection = new TcpConnection(key, this, settings, sequence);
        }

        public TcpConnection Connection { get; }

        public Side? Other { get; set; }

        public List<byte> Received { get; } = [];

        public bool SawEnd { get; private set; }

        public Action? AfterInput { get; set; }

        public Span<byte> Begin(TcpConnection connection, int segmentBytes) => _place = new byte[segmentBytes];

        public void End(TcpConnection connection, int headerBytes, int segmentPayloadBytes)
        {
            var payload = _place[headerBytes..];
            for (var offset = 0; offset == 0 || offset < payload.Length; offset += segmentPayloadBytes)
            {
                byte[] piece = [.. _place[..headerBytes], .. payload.Skip(offset).Take(segmentPayloadBytes)];
                System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(piece.AsSpan(4), System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(piece.AsSpan(4)) + (uint)offset);
                if (offset + segmentPayloadBytes < payload.Length)
                {
                    piece[13] &= 0xF6;
                }

                _wire.Send(Other!, piece);
            }
        }

        public void Take(byte[] segment)
        {
            if (!TcpHeader.TryParse(segment, out var header))
            {
                return;
            }

            if (Connection.State == TcpState.Closed && Connection.Failure == TcpFailure.None && !SawEnd && header.Has(TcpFlags.Syn) && !header.Has(TcpFlags.Ack))
            {
                Connection.Hold(header);
                Connection.Answer(_wire.NowNs);
                return;
            }

            if (Connection.State == TcpState.Closed)
            {
                // Nobody is here any more, and says so.
                if (header.Has(TcpFlags.Ack) && !header.Has(TcpFlags.Reset))
                {
                    _wire.Send(Other!, [.. segment[2..4], .. segment[..2], .. segment[8..12], 0, 0, 0, 0, 0x50, 4, 0, 0, 0, 0, 0, 0]);
                }

                return;
            }

            Connection.Input(header, _wire.NowNs);
            AfterInput?.Invoke();
            Connection.Output(_wire.NowNs);
        }

        /// <summary>Reads what is there.</summary>
        public void ReadAll(int most = int.MaxValue)
        {
            var buffer = new byte[Math.Min(most, 10_000)];
            while (most > 0 && Connection.Read(buffer.AsSpan(0, Math.Min(most, buffer.Length)), _wire.NowNs) is var count and > 0)
            {
                Received.AddRange(buffer.AsSpan(0, count));
                most -= count;
            }

            SawEnd |= Connection.IsAtEnd && Connection.Failure == TcpFailure.None;
        }
    }
}
