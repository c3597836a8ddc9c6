using FsCheck.Xunit;

namespace Vivarium.Network.UserMode.Tests;

public sealed class TcpConnectionTests
{
    private static readonly TcpSettings s_small = new() { ReceiveBytes = 20_000, SendBytes = 20_000, MaxSegmentBytes = 500, MaxBurstBytes = 4_000, MaxRetransmissions = 60 };

    [Property(MaxTest = 80)]
    public void Bytes_arrive_in_order_once_both_ways_and_both_ends_close(int seed)
    {
        var random = new Random(seed);
        var settings = s_small with { ReceiveBytes = random.Next(2, 200) * 500, SendBytes = random.Next(2, 200) * 500, MaxBurstBytes = 500 * random.Next(1, 20) };
        var wire = new TcpWire(seed, settings, random.Next(4) * 0.07, random.Next(3) * 0.1, random.Next(3) * 0.2, random.Next(2) == 0 ? uint.MaxValue - (uint)random.Next(100_000) : null);
        var there = Bytes(random, random.Next(100_000));
        var back = Bytes(random, random.Next(100_000));
        var clientSent = 0;
        var serverSent = 0;
        wire.Client.AfterInput = () => Use(wire.Client, there, ref clientSent);
        wire.Server.AfterInput = () => Use(wire.Server, back, ref serverSent);
        wire.Client.Connection.Connect(wire.NowNs);
        Assert.True(wire.Run(() => wire.Client.Connection.State == TcpState.Closed && wire.Server.Connection.State == TcpState.Closed));
        Assert.Equal((TcpFailure.None, TcpFailure.None), (wire.Client.Connection.Failure, wire.Server.Connection.Failure));
        Assert.Equal(there, wire.Server.Received);
        Assert.Equal(back, wire.Client.Received);
        Assert.True(wire.Client.SawEnd && wire.Server.SawEnd);
        Assert.Equal(long.MaxValue, wire.Client.Connection.NextDeadlineNs);

        void Use(TcpWire.Side end, byte[] data, ref int sent)
        {
            if (!end.Connection.IsEstablished)
            {
                return;
            }

            sent += end.Connection.Write(data.AsSpan(sent, Math.Min(data.Length - sent, random.Next(5_000))), wire.NowNs);
            if (sent == data.Length)
            {
                end.Connection.CloseWrite(wire.NowNs);
            }

            if (random.Next(3) > 0)
            {
                end.ReadAll(random.Next(6_000));
            }

            if (end.Connection.State == TcpState.Closed || end.Connection.ReadableBytes > 0 || end.Connection.IsAtEnd)
            {
                end.ReadAll();
            }
        }
    }

    [Fact]
    public void A_reader_that_stops_stops_the_writer_and_goes_on_after_lost_updates()
    {
        var wire = Connected(s_small);
        var data = Bytes(new Random(1), 100_000);
        var sent = wire.Client.Connection.Write(data, wire.NowNs);
        wire.Client.AfterInput = () => sent += wire.Client.Connection.Write(data.AsSpan(sent), wire.NowNs);
        Assert.False(wire.Run(() => sent > 40_000, TimeSpan.FromMinutes(10)));
        Assert.Equal(20_000, wire.Server.Connection.ReadableBytes);

        // The window opens while the wire is cut: only probes can find out.
        wire.Loss = 1;
        wire.Server.ReadAll();
        wire.Run(() => false, TimeSpan.FromSeconds(3));
        wire.Loss = 0;
        wire.Server.AfterInput = () => wire.Server.ReadAll();
        Assert.True(wire.Run(() => wire.Server.Received.Count == data.Length));
        Assert.Equal(data, wire.Server.Received);
    }

    [Fact]
    public void Loss_is_mended_without_waiting_for_the_clock()
    {
        var wire = Connected(new TcpSettings());
        var data = Bytes(new Random(1), 3_000_000);
        var sent = 0;
        var read = () => wire.Server.ReadAll();
        wire.Server.AfterInput = read;
        wire.Client.AfterInput = () => sent += wire.Client.Connection.Write(data.AsSpan(sent), wire.NowNs);
        sent = wire.Client.Connection.Write(data, wire.NowNs);
        wire.Run(() => wire.Server.Received.Count > 1_000_000);
        wire.Loss = 0.01;
        var startNs = wire.NowNs;
        Assert.True(wire.Run(() => wire.Server.Received.Count == data.Length));
        Assert.Equal(data, wire.Server.Received);
        Assert.InRange(wire.NowNs - startNs, 0, 1_500_000_000);
    }

    [Fact]
    public void A_peer_that_vanishes_is_given_up()
    {
        var wire = Connected(new TcpSettings());
        wire.Loss = 1;
        wire.Client.Connection.Write([1], wire.NowNs);
        Assert.True(wire.Run(() => wire.Client.Connection.State == TcpState.Closed));
        Assert.Equal(TcpFailure.TimedOut, wire.Client.Connection.Failure);
        Assert.True(wire.Run(() => wire.Server.Connection.State == TcpState.Closed));
        Assert.Equal(TcpFailure.TimedOut, wire.Server.Connection.Failure);
    }

    [Fact]
    public void An_idle_connection_lives_while_its_peer_does()
    {
        var wire = Connected(new TcpSettings());
        Assert.False(wire.Run(() => wire.Client.Connection.State == TcpState.Closed, TimeSpan.FromHours(1)));
        Assert.InRange(wire.Segments, 20, 200);
    }

    [Fact]
    public void A_connection_that_nobody_answers_ends()
    {
        var wire = new TcpWire(1, new TcpSettings(), loss: 1);
        wire.Client.Connection.Connect(wire.NowNs);
        Assert.True(wire.Run(() => wire.Client.Connection.State == TcpState.Closed));
        Assert.Equal(TcpFailure.TimedOut, wire.Client.Connection.Failure);
    }

    [Fact]
    public void A_refused_connection_says_so()
    {
        var wire = new TcpWire(1, new TcpSettings());
        wire.Client.Connection.Connect(wire.NowNs);
        wire.Client.Connection.Input(Header(Segment(0, Sequence(wire.Client) + 1, 0x14)), wire.NowNs);
        Assert.Equal(TcpFailure.Refused, wire.Client.Connection.Failure);
    }

    [Fact]
    public void Only_the_exact_reset_ends_a_connection()
    {
        var wire = Connected(new TcpSettings());
        var exact = wire.Client.Connection.ReceiveNext;
        wire.Inject(wire.Client, Segment(exact + 1, 0, 0x04));
        wire.Inject(wire.Client, Segment(exact - 1, 0, 0x04));
        wire.Inject(wire.Client, Segment(exact + 1, 0, 0x02));
        Assert.Equal(TcpState.Established, wire.Client.Connection.State);
        wire.Inject(wire.Client, Segment(exact, 0, 0x04));
        Assert.Equal(TcpFailure.Reset, wire.Client.Connection.Failure);
    }

    /// <summary>A server that has answered and closed may be forgotten by its kernel before the answer was read; the next segment to it is refused.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void What_came_before_a_reset_is_still_read(bool hasEnded)
    {
        var wire = Connected(new TcpSettings());
        var connection = wire.Client.Connection;
        var next = connection.ReceiveNext;
        wire.Inject(wire.Client, [.. Segment(next, connection.Unacknowledged, hasEnded ? (byte)0x19 : (byte)0x18), 7, 8, 9]);
        wire.Inject(wire.Client, Segment(next + (hasEnded ? 4u : 3u), 0, 0x04));
        Assert.Equal(TcpState.Closed, connection.State);
        Assert.Equal(TcpFailure.Reset, connection.Failure);
        Assert.False(connection.IsAtEnd);
        var read = new byte[10];
        Assert.Equal(3, connection.Read(read, wire.NowNs));
        Assert.Equal([7, 8, 9], read[..3]);
        Assert.Equal(hasEnded, connection.IsAtEnd);
    }

    [Fact]
    public void What_came_before_this_side_broke_off_is_gone()
    {
        var wire = Connected(new TcpSettings());
        var connection = wire.Client.Connection;
        wire.Inject(wire.Client, [.. Segment(connection.ReceiveNext, connection.Unacknowledged, 0x19), 7, 8, 9]);
        connection.Abort();
        Assert.Equal(0, connection.ReadableBytes);
        Assert.False(connection.IsAtEnd);
    }

    [Fact]
    public void A_connection_between_the_same_ports_begins_above_the_last_one()
    {
        var sequences = new InitialSequences(new byte[32]);
        var key = new ConnectionKey(IpAddress.FromV4(0x0A00_0202), 50_000, IpAddress.FromV4(0x0A00_0215), 80);
        var first = sequences.Of(key, 1_000_000_000);
        Assert.Equal(first + 250_000, sequences.Of(key, 2_000_000_000));
        Assert.NotEqual(first, sequences.Of(key with { LocalPort = 50_001 }, 1_000_000_000));
        Assert.NotEqual(first, new InitialSequences([.. Enumerable.Repeat((byte)1, 32)]).Of(key, 1_000_000_000));
    }

    [Fact]
    public void Bytes_for_a_user_who_is_gone_break_the_connection_off()
    {
        var wire = Connected(new TcpSettings());
        wire.Server.Connection.Close(wire.NowNs);
        wire.Client.Connection.Write([1, 2, 3], wire.NowNs);
        Assert.True(wire.Run(() => wire.Client.Connection.State == TcpState.Closed, TimeSpan.FromSeconds(1)));
        Assert.Equal(TcpFailure.Reset, wire.Client.Connection.Failure);
    }

    [Property(MaxTest = 200)]
    public void Whatever_comes_nothing_breaks(int seed)
    {
        var random = new Random(seed);
        var wire = random.Next(4) == 0 ? new TcpWire(seed, s_small) : Connected(s_small);
        if (wire.Client.Connection.State == TcpState.Closed)
        {
            wire.Client.Connection.Connect(wire.NowNs);
        }

        for (var i = 0; i < 200 && wire.Client.Connection.State != TcpState.Closed; i++)
        {
            switch (random.Next(8))
            {
                case 0:
                    wire.Client.Connection.Write(new byte[random.Next(3_000)], wire.NowNs);
                    break;
                case 1:
                    wire.Client.ReadAll(random.Next(3_000));
                    break;
                case 2 when random.Next(10) == 0:
                    wire.Client.Connection.CloseWrite(wire.NowNs);
                    break;
                case 3 when wire.Client.Connection.NextDeadlineNs != long.MaxValue:
                    wire.Client.Connection.OnTime(wire.Client.Connection.NextDeadlineNs);
                    break;
                default:
                    var connection = wire.Client.Connection;
                    var near = random.Next(-2_000, 30_000);
                    byte[] noise = Bytes(random, random.Next(2) * random.Next(40));
                    byte[] sack = random.Next(2) == 0 ? [] : [1, 1, 5, 10, .. BigEndian(Sequence(wire.Client) + (uint)random.Next(5_000)), .. BigEndian(Sequence(wire.Client) + (uint)random.Next(5_000))];
                    byte[] options = random.Next(2) == 0 ? sack : noise;
                    wire.Inject(wire.Client, Segment(connection.ReceiveNext + (uint)near, Sequence(wire.Client) + (uint)random.Next(-100, 5_000), (byte)(random.Next(20) == 0 ? random.Next(64) : 0x10 | (random.Next(10) == 0 ? 1 : 0)), options, new byte[random.Next(1_000)], (ushort)random.Next(65_536)));
                    break;
            }

            Assert.InRange(wire.Client.Connection.ReadableBytes, 0, 20_000);
            Assert.InRange(wire.Client.Connection.UnacknowledgedBytes, 0, 20_000);
        }
    }

    [Property(MaxTest = 1_000)]
    public void The_parser_takes_anything(byte[] noise)
    {
        if (TcpHeader.TryParse(noise, out var header))
        {
            var options = new TcpOptionReader(header.Options);
            var count = 0;
            while (options.Next())
            {
                Assert.True(++count < 40);
            }
        }
    }

    private static TcpWire Connected(TcpSettings settings)
    {
        var wire = new TcpWire(7, settings);
        wire.Client.Connection.Connect(wire.NowNs);
        Assert.True(wire.Run(() => wire.Client.Connection.State == TcpState.Established && wire.Server.Connection.State == TcpState.Established));
        return wire;
    }

    private static uint Sequence(TcpWire.Side end) => end.Connection.Unacknowledged;

    private static TcpHeader Header(byte[] segment)
    {
        Assert.True(TcpHeader.TryParse(segment, out var header));
        return header;
    }

    private static byte[] Segment(uint sequence, uint acknowledgment, byte flags, byte[]? options = null, byte[]? payload = null, ushort window = 1_000)
    {
        options ??= [];
        options = [.. options.Take(40), .. new byte[(4 - (Math.Min(options.Length, 40) % 4)) % 4]];
        return [0, 80, 3, 232, .. BigEndian(sequence), .. BigEndian(acknowledgment), (byte)((5 + (options.Length / 4)) << 4), flags, (byte)(window >> 8), (byte)window, 0, 0, 0, 0, .. options, .. payload ?? []];
    }

    private static byte[] BigEndian(uint value) => [(byte)(value >> 24), (byte)(value >> 16), (byte)(value >> 8), (byte)value];

    private static byte[] Bytes(Random random, int count)
    {
        var bytes = new byte[count];
        random.NextBytes(bytes);
        return bytes;
    }
}
