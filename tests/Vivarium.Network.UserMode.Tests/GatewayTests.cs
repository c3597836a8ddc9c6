using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;

namespace Vivarium.Network.UserMode.Tests;

/// <summary>The gateway against guests on its switch and real sockets on the loopback.</summary>
public sealed partial class GatewayTests : IDisposable
{
    private static readonly IPAddress s_gateway = IPAddress.Parse("10.0.2.2");
    private static readonly IPAddress s_guest = IPAddress.Parse("10.0.2.15");
    private readonly VirtualSwitch _switch = new(TimeProvider.System);
    private readonly List<IDisposable> _owned = [];

    public void Dispose()
    {
        _owned.Reverse();
        _owned.ForEach(each => each.Dispose());
        _switch.Dispose();
    }

    [Fact]
    public async Task A_guest_opens_a_connection_to_this_process()
    {
        var (gateway, guest) = Start();
        using var listener = gateway.Listen(80);
        var stream = await guest.ConnectAsync(s_gateway, 80);
        using var accepted = await listener.AcceptAsync();
        await stream.WriteAsync([1, 2, 3]);
        var buffer = new byte[3];
        await accepted.ReadExactlyAsync(buffer);
        Assert.Equal([1, 2, 3], buffer);
        await accepted.WriteAsync(new byte[] { 4, 5 });
        Assert.Equal([4, 5], await stream.ReadAsync());
        accepted.Dispose();
        Assert.Empty(await stream.ReadAsync());
        stream.CloseWrite();
        await Until(() => gateway.ConnectionCount == 0, seconds: 6);
    }

    [Fact]
    public async Task This_process_reaches_a_guest_and_much_passes_both_ways_at_once_over_a_bad_wire()
    {
        var (gateway, guest) = Start();
        guest.Listen(22);
        guest.Port.SendFaults = new LinkFaults { Seed = 1, Loss = 0.01, Duplication = 0.01, Reordering = 0.02, Corruption = 0.005 };
        guest.Port.ReceiveFaults = guest.Port.SendFaults with { Seed = 2 };
        var data = RandomNumberGenerator.GetBytes(2_000_000);
        using var stream = await gateway.ConnectAsync(s_guest, 22);
        var peer = await guest.Accepted.Reader.ReadAsync();
        var echo = Task.Run(async () =>
        {
            while (await peer.ReadAsync() is { Length: > 0 } bytes)
            {
                await peer.WriteAsync(bytes);
            }

            peer.CloseWrite();
        });
        var write = Task.Run(async () =>
        {
            await stream.WriteAsync(data);
            ((GuestStream)stream).CloseWrite();
        });
        using var received = new MemoryStream();
        await stream.CopyToAsync(received);
        await Task.WhenAll(write, echo);
        Assert.True(data.AsSpan().SequenceEqual(received.ToArray()));
    }

    [Fact]
    public async Task Errors_say_what_is_wrong()
    {
        var (gateway, guest) = Start();
        _ = guest;
        Assert.Contains("refused", (await Assert.ThrowsAsync<IOException>(() => gateway.ConnectAsync(s_guest, 99))).Message, StringComparison.Ordinal);
        var none = await Assert.ThrowsAsync<IOException>(() => gateway.ConnectAsync(IPAddress.Parse("10.0.2.77"), 1));
        Assert.Equal(SocketError.HostUnreachable, ((SocketException)none.InnerException!).SocketErrorCode);
        await Assert.ThrowsAsync<ArgumentException>(() => gateway.ConnectAsync(IPAddress.Loopback, 1));
        await Assert.ThrowsAsync<IOException>(() => gateway.ConnectByNameAsync("nobody", 1));
        using var listener = gateway.Listen(5);
        Assert.Throws<InvalidOperationException>(() => gateway.Listen(5));
        Assert.Equal(0, gateway.ConnectionCount);
    }

    [Fact]
    public async Task A_guest_reaches_nothing_unless_asked()
    {
        using var server = Server(out var port);
        var (gateway, guest) = Start();
        foreach (var address in (string[])["10.0.2.2", "127.0.0.1", "0.0.0.0", "192.0.2.1", "10.0.2.3"])
        {
            await Assert.ThrowsAsync<IOException>(() => guest.ConnectAsync(IPAddress.Parse(address), port));
            guest.SendUdp(IPAddress.Parse(address), port, 5_000, [1]);
        }

        Assert.Equal(0, gateway.UdpFlowCount);
        Assert.False(server.Poll(0, SelectMode.SelectRead));
    }

    [Fact]
    public void Loopback_is_never_outside()
    {
        var policy = OutboundPolicy.Everything with { Deny = [new NetworkRule(IPNetwork.Parse("192.0.2.0/24")) { FirstPort = 25, LastPort = 25 }] };
        foreach (var address in (string[])["127.0.0.1", "127.9.9.9", "0.0.0.0", "0.1.2.3", "::1", "::", "::ffff:127.0.0.1", "::127.0.0.1", "224.0.0.1", "255.255.255.255", "169.254.169.254", "fe80::1", "ff02::1"])
        {
            Assert.False(policy.Permits(IPAddress.Parse(address), 80), address);
        }

        Assert.True(policy.Permits(IPAddress.Parse("192.0.2.1"), 80));
        Assert.False(policy.Permits(IPAddress.Parse("192.0.2.1"), 25));
        Assert.True(policy.Permits(IPAddress.Parse("2001:db8::1"), 80));
        Assert.False(OutboundPolicy.None.Permits(IPAddress.Parse("192.0.2.1"), 80));
    }

    [Fact]
    public async Task A_named_port_of_the_host_is_reached_at_the_gateway()
    {
        using var server = Server(out var port);
        var (gateway, guest) = Start(new UserModeOptions { Outbound = new OutboundPolicy { HostLoopbackPorts = [port] } });
        var data = RandomNumberGenerator.GetBytes(3_000_000);
        var serving = Task.Run(async () =>
        {
            using var client = await server.AcceptAsync();
            using var stream = new NetworkStream(client);
            await stream.WriteAsync(data);
            client.Shutdown(SocketShutdown.Send);
            using var copy = new MemoryStream();
            await stream.CopyToAsync(copy);
            return copy.ToArray();
        });
        var connection = await guest.ConnectAsync(s_gateway, port);
        await connection.WriteAsync([7, 8, 9]);
        Assert.Equal(data, await connection.ReadToEndAsync());
        connection.CloseWrite();
        Assert.Equal([7, 8, 9], await serving);
        await Until(() => gateway.ConnectionCount == 0, seconds: 6);
    }

    [Fact]
    public async Task A_target_that_refuses_or_breaks_off_does_so_to_the_guest()
    {
        using var server = Server(out var port);
        var (_, guest) = Start(new UserModeOptions { Outbound = new OutboundPolicy { HostLoopbackPorts = [port, 1] } });
        Assert.Equal("Refused", (await Assert.ThrowsAsync<IOException>(() => guest.ConnectAsync(s_gateway, 1))).Message);
        var connection = await guest.ConnectAsync(s_gateway, port);
        (await server.AcceptAsync()).Close(0);
        Assert.Equal("Reset", (await Assert.ThrowsAsync<IOException>(connection.ReadAsync)).Message);
    }

    /// <summary>A server whose queue is full leaves Linux's SYN without an answer, as does one that is gone.</summary>
    [Fact]
    public async Task A_target_that_has_vanished_is_given_up()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Other hosts answer when a server's queue is full.");
        using var server = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        server.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        server.Listen(0);
        var port = ((IPEndPoint)server.LocalEndPoint!).Port;
        var waiting = new List<Socket>();
        for (var i = 0; i < 4; i++)
        {
            waiting.Add(new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { Blocking = false });
            _ = waiting[^1].ConnectAsync(new IPEndPoint(IPAddress.Loopback, port)).ContinueWith(static task => task.Exception, TaskScheduler.Default);
        }

        var (gateway, guest) = Start(new UserModeOptions
        {
            ConnectTimeout = TimeSpan.FromSeconds(1),
            Outbound = new OutboundPolicy { HostLoopbackPorts = [port] },
        });
        Assert.Equal("Refused", (await Assert.ThrowsAsync<IOException>(() => guest.ConnectAsync(s_gateway, port))).Message);
        await Until(() => gateway.ConnectionCount == 0, seconds: 6);
        waiting.ForEach(static socket => socket.Dispose());
    }

    [Fact]
    public async Task A_host_that_stalls_stalls_the_guest()
    {
        using var server = Server(out var port);
        var (_, guest) = Start(new UserModeOptions { Outbound = new OutboundPolicy { HostLoopbackPorts = [port] } });
        var connection = await guest.ConnectAsync(s_gateway, port);
        using var client = await server.AcceptAsync();
        var data = RandomNumberGenerator.GetBytes(30_000_000);
        var write = connection.WriteAsync(data);
        Assert.NotSame(write, await Task.WhenAny(write, Task.Delay(700)));
        using var copy = new MemoryStream();
        var buffer = new byte[100_000];
        while (copy.Length < data.Length)
        {
            copy.Write(buffer, 0, await client.ReceiveAsync(buffer));
        }

        await write;
        Assert.True(data.AsSpan().SequenceEqual(copy.ToArray()));
    }

    [Fact]
    public async Task Many_connections_open_and_close_and_none_is_left()
    {
        using var server = Server(out var port);
        var (gateway, guest) = Start(new UserModeOptions { Outbound = new OutboundPolicy { HostLoopbackPorts = [port] } });
        using var stop = new CancellationTokenSource();
        var serving = Task.Run(async () =>
        {
            try
            {
                while (true)
                {
                    using var client = await server.AcceptAsync(stop.Token);
                    var one = new byte[1];
                    await client.ReceiveAsync(one);
                    await client.SendAsync(one);
                }
            }
            catch (OperationCanceledException)
            {
            }
        });
        for (var round = 0; round < 20; round++)
        {
            await Task.WhenAll(Enumerable.Range(0, 50).Select(async i =>
            {
                var connection = await guest.ConnectAsync(s_gateway, port);
                await connection.WriteAsync([(byte)i]);
                Assert.Equal([(byte)i], await connection.ReadToEndAsync());
                connection.CloseWrite();
            }));
        }

        await Until(() => gateway.ConnectionCount == 0 && guest.ConnectionCount == 0, seconds: 10);
        await stop.CancelAsync();
        await serving;
    }

    [Fact]
    public async Task Forwarded_ports_lead_to_guests()
    {
        var (gateway, guest) = Start();
        guest.Listen(80);
        using var tcp = gateway.ForwardTcp(new IPEndPoint(IPAddress.Loopback, 0), s_guest, 80);
        using var client = new TcpClient();
        await client.ConnectAsync(tcp.LocalEndPoint);
        await client.GetStream().WriteAsync(new byte[] { 1, 2 });
        var peer = await guest.Accepted.Reader.ReadAsync();
        Assert.Equal([1, 2], await peer.ReadAsync());
        await peer.WriteAsync([3]);
        peer.CloseWrite();
        Assert.Equal(3, client.GetStream().ReadByte());
        Assert.Equal(-1, client.GetStream().ReadByte());

        var inUse = Assert.Throws<IOException>(() => gateway.ForwardTcp(tcp.LocalEndPoint, s_guest, 81));
        Assert.Contains($"TCP port {tcp.LocalEndPoint.Port} of 127.0.0.1 is in use", inUse.Message, StringComparison.Ordinal);

        using var udp = gateway.ForwardUdp(new IPEndPoint(IPAddress.Loopback, 0), s_guest, 9_000);
        using var one = new UdpClient();
        using var two = new UdpClient();
        foreach (var (each, value) in (IEnumerable<(UdpClient, byte)>)[(one, 1), (two, 2), (one, 3)])
        {
            await each.SendAsync(new byte[] { value }, udp.LocalEndPoint);
            var (from, fromPort, port, data) = await guest.Udp.Reader.ReadAsync();
            Assert.Equal((s_gateway, 9_000, value), (from, port, data[0]));
            guest.SendUdp(s_gateway, fromPort, 9_000, [(byte)(value + 10)]);
            Assert.Equal(value + 10, (await each.ReceiveAsync()).Buffer[0]);
        }
    }

    /// <summary>More clients than the gateway remembers: the one that asks again and again stays the same, and each new one is answered.</summary>
    [Fact]
    public async Task New_clients_of_a_forward_are_answered_however_many_came_before()
    {
        var (gateway, guest) = Start();
        using var udp = gateway.ForwardUdp(new IPEndPoint(IPAddress.Loopback, 0), s_guest, 9_000);
        using var player = new UdpClient();
        var first = await Ask(player);
        for (var i = 0; i < 5_000; i++)
        {
            using var passer = new UdpClient();
            await Ask(passer);
            if (i % 100 == 0)
            {
                Assert.Equal(first, await Ask(player));
            }
        }

        async Task<int> Ask(UdpClient client)
        {
            await client.SendAsync(new byte[] { 1 }, udp.LocalEndPoint);
            var (_, fromPort, _, _) = await guest.Udp.Reader.ReadAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(10));
            guest.SendUdp(s_gateway, fromPort, 9_000, [2]);
            Assert.Equal(2, (await client.ReceiveAsync()).Buffer[0]);
            return fromPort;
        }
    }

    [Fact]
    public async Task Udp_goes_out_and_only_answers_come_back()
    {
        using var server = new UdpClient(new IPEndPoint(IPAddress.Loopback, 0));
        using var stranger = new UdpClient(new IPEndPoint(IPAddress.Loopback, 0));
        var port = ((IPEndPoint)server.Client.LocalEndPoint!).Port;
        var (gateway, guest) = Start(new UserModeOptions { Outbound = new OutboundPolicy { HostLoopbackPorts = [port] }, MaxUdpFlowsPerGuest = 8 });
        var large = RandomNumberGenerator.GetBytes(1_400);
        guest.SendUdp(s_gateway, port, 5_000, large);
        var request = await server.ReceiveAsync();
        Assert.Equal(large, request.Buffer);
        await stranger.SendAsync(new byte[] { 6 }, request.RemoteEndPoint);
        await server.SendAsync(new byte[] { 5 }, request.RemoteEndPoint);
        var (from, fromPort, to, data) = await guest.Udp.Reader.ReadAsync();
        Assert.Equal((s_gateway, port, 5_000, (byte)5), (from, fromPort, to, Assert.Single(data)));
        for (var i = 0; i < 100; i++)
        {
            guest.SendUdp(s_gateway, port, 6_000 + i, [1]);
        }

        await Until(() => gateway.UdpFlowCount == 8);
        Assert.False(guest.Udp.Reader.TryRead(out _));
    }

    [Fact]
    public async Task A_long_datagram_for_a_guest_is_cut_and_its_pieces_are_whole()
    {
        using var server = new UdpClient(new IPEndPoint(IPAddress.Loopback, 0));
        var port = ((IPEndPoint)server.Client.LocalEndPoint!).Port;
        var (_, guest) = Start(new UserModeOptions { Outbound = new OutboundPolicy { HostLoopbackPorts = [port] } });
        guest.SendUdp(s_gateway, port, 5_000, [1]);
        var request = await server.ReceiveAsync();
        var data = RandomNumberGenerator.GetBytes(20_000);
        await server.SendAsync(data, request.RemoteEndPoint);
        var reassembler = new Reassembler();
        while (true)
        {
            var frame = await guest.Frames.Reader.ReadAsync();
            if (frame[12] != 8 || frame[13] != 0)
            {
                continue;
            }

            Assert.True(frame.Length <= 1_514);
            Assert.True(PacketLayout.TryParse(frame, out var layout));
            var whole = reassembler.Add(default, default, layout, frame.AsSpan(layout.Transport, layout.End - layout.Transport), 0);
            if (!whole.IsEmpty)
            {
                Assert.Equal(data, whole[8..].ToArray());
                break;
            }
        }
    }

    [Fact]
    public async Task A_flood_of_connections_is_bounded_and_others_go_on()
    {
        var (gateway, guest) = Start(new UserModeOptions { MaxHalfOpenPerGuest = 16 });
        using var listener = gateway.Listen(new IPEndPoint(s_gateway, 80), 1_000);
        var other = new TestGuest(_switch, 2, IPAddress.Parse("10.0.2.16"), new MacAddress(0x5255_0A00_0202));
        _owned.Add(other);

        // SYNs from a station that never answers: its own address changes with each.
        for (var i = 0; i < 2_000; i++)
        {
            byte[] segment = [(byte)(i >> 8), (byte)(i | 1), 0, 80, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 2, 1, 0, 0, 0, 0, 0];
            byte[] source = [10, 0, 2, (byte)(20 + (i % 200))];
            var sum = (ushort)~Vivarium.Network.Tests.Packets.Sum([.. source, 10, 0, 2, 2, 0, 6, 0, 20, .. segment]);
            segment[16] = (byte)(sum >> 8);
            segment[17] = (byte)sum;
            var frame = Vivarium.Network.Tests.Station.Frame(new MacAddress(0x5255_0A00_0202), guest.Mac, Vivarium.Network.Tests.Packets.Ip4(6, source, [10, 0, 2, 2], segment), 0x0800);
            guest.SendRaw(frame);
        }

        var stream = await other.ConnectAsync(s_gateway, 80);
        await stream.WriteAsync([1]);
        Assert.InRange(gateway.ConnectionCount, 1, 17);
    }

    private (UserModeGateway Gateway, TestGuest Guest) Start(UserModeOptions? options = null)
    {
        var gateway = new UserModeGateway(_switch, options);
        var guest = new TestGuest(_switch, 1, s_guest, new MacAddress(0x5255_0A00_0202));
        _owned.Add(gateway);
        _owned.Add(guest);
        return (gateway, guest);
    }

    private static Socket Server(out int port)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        socket.Listen(512);
        port = ((IPEndPoint)socket.LocalEndPoint!).Port;
        return socket;
    }

    private static async Task Until(Func<bool> condition, int seconds = 5)
    {
        for (var i = 0; i < seconds * 100 && !condition(); i++)
        {
            await Task.Delay(10);
        }

        Assert.True(condition());
    }
}
