using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;

namespace Vivarium.Network.UserMode.Tests;

/// <content>Names, addresses, neighbours, pings.</content>
public sealed partial class GatewayTests
{
    [Fact]
    public async Task Echo_is_answered_and_what_is_forbidden_is_told()
    {
        var (_, guest) = Start();
        guest.SendIcmp(s_gateway, 8, [0, 1, 0, 2, 9, 9]);
        var reply = await Next(guest, 1);
        Assert.Equal([0, 0], reply[34..36]);
        Assert.Equal([0, 1, 0, 2, 9, 9], reply[38..44]);
        guest.SendIcmp(IPAddress.Parse("192.0.2.1"), 8, [0, 1, 0, 2]);
        var unreachable = await Next(guest, 1);
        Assert.Equal([3, 13], unreachable[34..36]);
        guest.SendUdp(IPAddress.Parse("192.0.2.1"), 1, 1, []);
        Assert.Equal([3, 13], (await Next(guest, 1))[34..36]);
    }

    /// <summary>The host's own address is as good as any outside, if it has one besides its loopback, and answers.</summary>
    [Fact]
    public async Task Pings_go_outside_where_they_may()
    {
        var outside = HostAddress();
        var (gateway, guest) = Start(new UserModeOptions
        {
            Outbound = OutboundPolicy.Everything with { Deny = [new NetworkRule(IPNetwork.Parse("192.0.2.200/32"))] },
        });
        for (byte sequence = 1; sequence <= 3; sequence++)
        {
            guest.SendIcmp(outside, 8, [0x12, 0x34, 0, sequence, 9, 8, 7]);
            var reply = await Next(guest, 1);
            Assert.Equal(outside.GetAddressBytes(), reply[26..30]);
            Assert.Equal([0, 0], reply[34..36]);
            Assert.Equal([0x12, 0x34, 0, sequence, 9, 8, 7], reply[38..45]);
        }

        Assert.Equal(1, gateway.EchoFlowCount);
        guest.SendIcmp(IPAddress.Parse("192.0.2.200"), 8, [0, 1, 0, 2]);
        Assert.Equal([3, 13], (await Next(guest, 1))[34..36]);
        guest.SendIcmp(IPAddress.Parse("127.0.0.1"), 8, [0, 1, 0, 2]);
        Assert.Equal([3, 13], (await Next(guest, 1))[34..36]);

        // Each identifier has a socket; the oldest goes when there are too many.
        for (byte id = 0; id < 100; id++)
        {
            guest.SendIcmp(outside, 8, [1, id, 0, 1]);
            Assert.Equal([1, id, 0, 1], (await Next(guest, 1))[38..42]);
        }

        Assert.Equal(32, gateway.EchoFlowCount);
        gateway.Dispose();
        Assert.Equal(0, gateway.EchoFlowCount);
    }

    [Fact]
    public async Task Http_goes_to_a_guest_by_name()
    {
        var (gateway, guest) = Start();
        gateway.AddName("web", s_guest);
        guest.Listen(80);
        using var client = gateway.CreateHttpClient();
        var response = client.GetStringAsync("http://web/hello");
        var peer = await guest.Accepted.Reader.ReadAsync();
        Assert.StartsWith("GET /hello HTTP/1.1\r\nHost: web", System.Text.Encoding.ASCII.GetString(await peer.ReadAsync()), StringComparison.Ordinal);
        await peer.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"u8.ToArray());
        Assert.Equal("hello", await response);
    }

    [Fact]
    public async Task Names_are_answered()
    {
        var (gateway, guest) = Start();
        gateway.AddName("web", s_guest);
        Assert.Equal([10, 0, 2, 15], (await Ask(guest, "WEB.vivarium.internal", 1))[^4..]);
        Assert.Equal([10, 0, 2, 15], (await Ask(guest, "web", 1))[^4..]);
        Assert.Equal("web.vivarium.internal", NameIn((await Ask(guest, "15.2.0.10.in-addr.arpa", 12)).AsSpan()[^23..]));
        Assert.Equal(3, (await Ask(guest, "nobody.vivarium.internal", 1))[3] & 15);
        Assert.Equal(5, (await Ask(guest, "example.org", 1))[3] & 15);
    }

    [Fact]
    public async Task Other_names_are_asked_of_the_name_server_if_the_outside_is_allowed()
    {
        using var server = new UdpClient(new IPEndPoint(IPAddress.Loopback, 0));
        var (_, guest) = Start(new UserModeOptions { Outbound = OutboundPolicy.Everything, NameServers = [(IPEndPoint)server.Client.LocalEndPoint!] });
        var answer = Ask(guest, "example.org", 1);
        var query = await server.ReceiveAsync();
        var forged = DnsMessage.WriteAnswer(query.Buffer, query.Buffer.Length, 0, 1, [[6, 6, 6, 6]], false);
        forged[13] ^= 1;
        await server.SendAsync(forged, query.RemoteEndPoint);
        await server.SendAsync(DnsMessage.WriteAnswer(query.Buffer, query.Buffer.Length, 0, 1, [[192, 0, 2, 7]], false), query.RemoteEndPoint);
        Assert.Equal([192, 0, 2, 7], (await answer)[^4..]);
    }

    [Fact]
    public async Task An_address_is_given_and_known_by_name()
    {
        var (gateway, guest) = Start();
        guest.Address = IpAddress.FromV4(0);
        byte[] hello = [1, 1, 6, 0, 1, 2, 3, 4, .. new byte[20], .. MacBytes(guest), .. new byte[10], .. new byte[192], 0x63, 0x82, 0x53, 0x63];
        guest.SendUdp(IPAddress.Broadcast, 67, 68, [.. hello, 53, 1, 1, 255]);
        var offer = (await guest.Udp.Reader.ReadAsync()).Data;
        Assert.Equal([10, 0, 2, 15], offer[16..20]);
        guest.SendUdp(IPAddress.Broadcast, 67, 68, [.. hello, 53, 1, 3, 50, 4, 10, 0, 2, 15, 54, 4, 10, 0, 2, 2, 12, 4, .. "Anna"u8, 255]);
        var given = (await guest.Udp.Reader.ReadAsync()).Data;
        Assert.Equal([53, 1, 5], given[240..243]);
        Assert.Equal(new DhcpLease(guest.Mac, s_guest, "anna"), Assert.Single(gateway.Leases));
        guest.Address = IpAddress.From(s_guest);
        Assert.Equal([10, 0, 2, 15], (await Ask(guest, "anna", 1))[^4..]);
        guest.Listen(7);
        using var stream = await gateway.ConnectByNameAsync("anna", 7);
    }

    [Fact]
    public async Task A_guest_cannot_take_the_address_of_another()
    {
        var reserved = new MacAddress(0x0200_0000_0001);
        var (gateway, guest) = Start(new UserModeOptions { Reservations = new Dictionary<MacAddress, IPAddress> { [reserved] = s_guest } });
        using var thief = new TestGuest(_switch, 66, s_guest, new MacAddress(0x5255_0A00_0202));
        guest.Listen(7);
        thief.Listen(7);
        guest.SendIcmp(s_gateway, 8, [0, 1, 0, 1]);
        await Next(guest, 1);
        thief.SendIcmp(s_gateway, 8, [0, 1, 0, 2]);
        thief.SendRaw([0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 2, 0, 0, 0, 0, 66, 8, 6, 0, 1, 8, 0, 6, 4, 0, 2, 2, 0, 0, 0, 0, 66, 10, 0, 2, 15, 0, 0, 0, 0, 0, 0, 10, 0, 2, 2]);
        using var stream = await gateway.ConnectAsync(s_guest, 7);
        Assert.True(guest.Accepted.Reader.TryRead(out _));
        Assert.Equal(0, thief.ConnectionCount);
    }

    [Fact]
    public async Task Neighbours_and_routers_of_ipv6_are_answered()
    {
        var (_, guest) = Start();
        byte[] own = [0xFE, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
        byte[] gateway = [0xFD, 0, 0x76, 0x6D, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];
        Send6(guest, own, [0xFF, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2], [133, 0, 0, 0, 0, 0, 0, 0], hops: 255);
        var router = await Next(guest, 58);
        Assert.Equal(134, router[54]);
        Assert.Equal([0xFD, 0, 0x76, 0x6D], router[94..98]);
        Send6(guest, own, gateway, [135, 0, 0, 0, 0, 0, 0, 0, .. gateway], hops: 255);
        var neighbour = await Next(guest, 58);
        Assert.Equal(136, neighbour[54]);
        Assert.Equal(gateway, neighbour[62..78]);
        Send6(guest, own, gateway, [128, 0, 0, 0, 1, 2, 3, 4], hops: 64);
        Assert.Equal([129, 0], (await Next(guest, 58))[54..56]);
    }

    private static void Send6(TestGuest guest, byte[] from, byte[] to, byte[] message, byte hops)
    {
        var packet = Vivarium.Network.Tests.Packets.Ip6(58, from, to, message);
        packet[7] = hops;
        var sum = (ushort)~Vivarium.Network.Tests.Packets.Sum([.. from, .. to, 0, 0, 0, (byte)message.Length, 0, 0, 0, 58, .. message]);
        packet[42] = (byte)(sum >> 8);
        packet[43] = (byte)sum;
        guest.SendRaw(Vivarium.Network.Tests.Station.Frame(new MacAddress(0x5255_0A00_0202), guest.Mac, packet, 0x86DD));
    }

    private static async Task<byte[]> Next(TestGuest guest, byte protocol)
    {
        using var limit = new CancellationTokenSource(5_000);
        while (true)
        {
            var frame = await guest.Frames.Reader.ReadAsync(limit.Token);
            if ((frame[12], frame[13]) is (8, 0) && frame[23] == protocol)
            {
                Assert.Equal(0xFFFF, Vivarium.Network.Tests.Packets.Sum(frame[34..]));
                return frame;
            }

            if (frame[12] == 0x86 && frame[20] == protocol)
            {
                return frame;
            }
        }
    }

    private static async Task<byte[]> Ask(TestGuest guest, string name, byte type)
    {
        guest.SendUdp(IPAddress.Parse("10.0.2.3"), 53, 5_353, [1, 2, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, .. DnsMessage.WriteName(name), 0, type, 0, 1]);
        using var limit = new CancellationTokenSource(5_000);
        var answer = (await guest.Udp.Reader.ReadAsync(limit.Token)).Data;
        Assert.Equal([1, 2], answer[..2]);
        Assert.Equal(0x80, answer[2] & 0x80);
        return answer;
    }

    private static string NameIn(ReadOnlySpan<byte> name)
    {
        var labels = new List<string>();
        for (; name[0] != 0; name = name[(1 + name[0])..])
        {
            labels.Add(System.Text.Encoding.ASCII.GetString(name.Slice(1, name[0])));
        }

        return string.Join('.', labels);
    }

    private static byte[] MacBytes(TestGuest guest)
    {
        var bytes = new byte[6];
        guest.Mac.Write(bytes);
        return bytes;
    }

    /// <summary>An address of the host that it lets this process ping.</summary>
    private static IPAddress HostAddress()
    {
        try
        {
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Icmp);
        }
        catch (SocketException exception)
        {
            Assert.Skip($"This host gives no ping sockets (net.ipv4.ping_group_range): {exception.Message}");
        }

        var address = NetworkInterface.GetAllNetworkInterfaces().Where(static one => one.OperationalStatus != OperationalStatus.Down)
            .SelectMany(static one => one.GetIPProperties().UnicastAddresses).Select(static one => one.Address)
            .FirstOrDefault(static one => one.AddressFamily == AddressFamily.InterNetwork && OutboundPolicy.Everything.Permits(one, 0)
                && !IPNetwork.Parse("10.0.2.0/24").Contains(one));
        Assert.SkipWhen(address is null, "This host has no address but its loopback.");
        return address!;
    }
}
