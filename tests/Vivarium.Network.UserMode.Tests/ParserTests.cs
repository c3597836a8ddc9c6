using FsCheck.Xunit;

namespace Vivarium.Network.UserMode.Tests;

/// <summary>Hostile bytes into every parser.</summary>
public sealed class ParserTests
{
    [Property(MaxTest = 1_000)]
    public void Dhcp_messages_of_any_kind_are_answered_or_not(byte[] noise, byte type)
    {
        var server = new DhcpServer(Settings());
        byte[] message = [1, 1, 6, 0, .. new byte[24], 2, 0, 0, 0, 0, 1, .. new byte[202], 0x63, 0x82, 0x53, 0x63, 53, 1, type, .. noise];
        var reply = new byte[576];
        Assert.InRange(server.Answer(message, new MacAddress(0x0200_0000_0001), 1, reply), 0, 576);
        server.Answer(noise, default, 1, reply);
        Assert.InRange(server.LeaseCount, 0, 3);
    }

    [Fact]
    public void Starvation_ends_with_the_pool_and_offers_come_back()
    {
        var server = new DhcpServer(Settings());
        var reply = new byte[576];
        for (var i = 0; i < 1_000; i++)
        {
            server.Answer(Discover(i), new MacAddress(0x0200_0000_0000 + (ulong)i), 1, reply);
        }

        Assert.Equal(3, server.LeaseCount);
        Assert.Equal(0, server.Answer(Discover(2_000), new MacAddress(0x0200_0000_0000 + 2_000), 1, reply));
        Assert.NotEqual(0, server.Answer(Discover(2_000), new MacAddress(0x0200_0000_0000 + 2_000), 20_000_000_000, reply));
    }

    [Fact]
    public void A_client_keeps_its_address_and_may_not_take_anothers()
    {
        var server = new DhcpServer(Settings());
        server.Reserve(new MacAddress(0x0200_0000_0009), IpAddress.FromV4(0x0A00_0210));
        var reply = new byte[576];
        var client = new MacAddress(0x0200_0000_0001);
        server.Answer(Discover(1), client, 1, reply);
        Assert.Equal([10, 0, 2, 15], reply[16..20]);
        server.Answer([.. Discover(1)[..^4], 53, 1, 3, 50, 4, 10, 0, 2, 16, 255], client, 2, reply);
        Assert.Equal([53, 1, 6], reply[240..243]);
        server.Answer([.. Discover(1)[..^4], 53, 1, 3, 50, 4, 10, 0, 2, 15, 255], client, 2, reply);
        Assert.Equal([53, 1, 5], reply[240..243]);
        server.Answer(Discover(1), client, 50_000_000_000, reply);
        Assert.Equal([10, 0, 2, 15], reply[16..20]);
        server.Answer(Discover(9), new MacAddress(0x0200_0000_0009), 3, reply);
        Assert.Equal([10, 0, 2, 16], reply[16..20]);
    }

    [Property(MaxTest = 1_000)]
    public void Dns_questions_of_any_kind_are_read_or_not(byte[] noise)
    {
        foreach (var message in (byte[][])[noise, [1, 2, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, .. noise]])
        {
            if (DnsMessage.TryReadQuestion(message, out var name, out _, out var end))
            {
                Assert.InRange(end, DnsMessage.HeaderBytes, message.Length);
                Assert.InRange(name.Length, 0, 400);
                DnsMessage.WriteAnswer(message, end, 0, 1, [[1, 2, 3, 4]], true);
            }
        }
    }

    [Property(MaxTest = 300)]
    public void Pieces_make_the_packet_in_any_order(int seed)
    {
        var random = new Random(seed);
        var reassembler = new Reassembler();
        var step = random.Next(1, 60) * 8;
        var data = new byte[random.Next(1, 100 * step)];
        random.NextBytes(data);
        var pieces = Enumerable.Range(0, (data.Length + step - 1) / step).Select(i => i * step).OrderBy(_ => random.Next()).ToList();
        if (random.Next(3) == 0)
        {
            pieces.Insert(random.Next(pieces.Count), pieces[^1]);
        }

        byte[] whole = [];
        foreach (var offset in pieces)
        {
            var piece = data.AsSpan(offset, Math.Min(step, data.Length - offset));
            var result = reassembler.Add(default, default, Layout(7, offset, offset + piece.Length < data.Length), piece, 1);
            whole = result.IsEmpty ? whole : result.ToArray();
        }

        Assert.Equal(data, whole);
    }

    /// <summary>The piece from 16 to 31 is there already; what the others would make of it depends on who reads it.</summary>
    [Theory]
    [InlineData(8, 16)]
    [InlineData(24, 16)]
    [InlineData(8, 32)]
    [InlineData(16, 8)]
    public void Pieces_that_overlap_end_their_packet(int offset, int length)
    {
        var reassembler = new Reassembler();
        Assert.True(reassembler.Add(default, default, Layout(7, 16, true), new byte[16], 1).IsEmpty);
        Assert.True(reassembler.Add(default, default, Layout(7, offset, true), new byte[length], 1).IsEmpty);
        Assert.Equal(0, reassembler.Count);
    }

    [Fact]
    public void A_piece_behind_the_end_ends_its_packet()
    {
        var reassembler = new Reassembler();
        Assert.True(reassembler.Add(default, default, Layout(7, 16, false), new byte[5], 1).IsEmpty);
        Assert.True(reassembler.Add(default, default, Layout(7, 24, true), new byte[8], 1).IsEmpty);
        Assert.Equal(0, reassembler.Count);
    }

    [Property(MaxTest = 300)]
    public void Pieces_of_any_kind_take_bounded_memory(int seed)
    {
        var random = new Random(seed);
        var reassembler = new Reassembler();
        for (var i = 0; i < 300; i++)
        {
            reassembler.Add(default, default, Layout((uint)random.Next(100), random.Next(8_192) * 8, random.Next(4) > 0), new byte[random.Next(200) * (random.Next(2) == 0 ? 8 : 1)], i);
            Assert.InRange(reassembler.Count, 0, 32);
        }
    }

    [Property(MaxTest = 300)]
    public void A_gateway_takes_any_frame(int seed)
    {
        var random = new Random(seed);
        using var network = new VirtualSwitch(TimeProvider.System);
        using var gateway = new UserModeGateway(network);
        var station = new Vivarium.Network.Tests.Station(network, 1);
        for (var i = 0; i < 20; i++)
        {
            var payload = new byte[random.Next(120)];
            random.NextBytes(payload);
            byte[] packet = random.Next(4) switch
            {
                0 => Vivarium.Network.Tests.Packets.Ip4((byte)(random.Next(2) == 0 ? 6 : 17), [10, 0, 2, 15], [10, 0, 2, (byte)random.Next(2, 4)], payload),
                1 => Vivarium.Network.Tests.Packets.Ip6(random.Next(2) == 0 ? (byte)58 : (byte)6, [0xFE, 0x80, .. new byte[13], 1], [0xFD, 0, 0x76, 0x6D, .. new byte[11], 2], payload),
                2 => [0, 1, 8, 0, 6, 4, 0, 1, .. payload],
                _ => payload,
            };
            var type = packet.Length == 0 ? (ushort)0 : (packet[0] >> 4) switch { 4 => (ushort)0x0800, 6 => (ushort)0x86DD, _ => (ushort)0x0806 };
            var frame = Vivarium.Network.Tests.Station.Frame(new MacAddress(0x5255_0A00_0202), station.Address, packet, type);
            if (random.Next(3) == 0)
            {
                frame[random.Next(12, frame.Length)] ^= (byte)random.Next(256);
            }

            station.Send(frame, new FrameOffload { NeedsChecksum = random.Next(2) == 0, ChecksumStart = 34, ChecksumOffset = 6 });
        }

        // What breaks would break on a thread of the pool, and take the process with it: the work is done here.
        ((IThreadPoolWorkItem)gateway).Execute();
        Assert.InRange(gateway.ConnectionCount, 0, 20);
    }

    private static PacketLayout Layout(uint id, int offset, bool more)
    {
        byte[] frame = Vivarium.Network.Tests.Station.Frame(default, default, Vivarium.Network.Tests.Packets.Ip4(17, [1, 1, 1, 1], [2, 2, 2, 2], []), 0x0800);
        (frame[18], frame[19]) = ((byte)(id >> 8), (byte)id);
        (frame[20], frame[21]) = ((byte)((more ? 0x20 : 0) | (offset / 8 >> 8)), (byte)(offset / 8));
        Assert.True(PacketLayout.TryParse(frame, out var layout));
        return layout;
    }

    private static byte[] Discover(int client) =>
        [1, 1, 6, 0, .. new byte[24], 2, 0, 0, 0, (byte)(client >> 8), (byte)client, .. new byte[202], 0x63, 0x82, 0x53, 0x63, 53, 1, 1, 255];

    private static DhcpSettings Settings() => new()
    {
        Server = IpAddress.FromV4(0x0A00_0202),
        Router = IpAddress.FromV4(0x0A00_0202),
        Dns = IpAddress.FromV4(0x0A00_0203),
        First = IpAddress.FromV4(0x0A00_020F),
        Last = IpAddress.FromV4(0x0A00_0211),
        Mask = 0xFFFF_FF00,
        Domain = "test",
        MtuBytes = 1_500,
    };
}
