using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;

namespace Vivarium.Network.UserMode.Tests;

/// <content>UDP between this process and guests.</content>
public sealed partial class GatewayTests
{
    [Fact]
    public async Task Datagrams_pass_between_this_process_and_a_guest()
    {
        var (gateway, guest) = Start();
        using var endpoint = gateway.OpenUdp(0);
        Assert.Equal(s_gateway, endpoint.LocalEndPoint.Address);
        Assert.InRange(endpoint.LocalEndPoint.Port, 49_152, 65_535);
        foreach (var payload in (byte[][])[[1, 2, 3], [], [4]])
        {
            endpoint.SendTo(payload, new IPEndPoint(s_guest, 8_303));
            var (from, fromPort, port, data) = await guest.Udp.Reader.ReadAsync(Limit);
            Assert.Equal((s_gateway, endpoint.LocalEndPoint.Port, 8_303), (from, fromPort, port));
            Assert.Equal(payload, data);
            guest.SendUdp(s_gateway, fromPort, 8_303, [.. payload, 9]);
            var answer = await endpoint.ReceiveAsync(Limit);
            Assert.Equal(new IPEndPoint(s_guest, 8_303), answer.Source);
            Assert.Equal([.. payload, 9], answer.Payload.ToArray());
        }

        Assert.Equal(0, gateway.UdpFlowCount);
    }

    [Fact]
    public async Task A_frame_of_many_datagrams_is_many_datagrams_here_and_on_the_host()
    {
        using var host = new UdpClient(new IPEndPoint(IPAddress.Loopback, 0));
        var port = ((IPEndPoint)host.Client.LocalEndPoint!).Port;
        var (gateway, guest) = Start(new UserModeOptions { Outbound = new OutboundPolicy { HostLoopbackPorts = [port] } });
        using var endpoint = gateway.OpenUdp(0);
        var data = RandomNumberGenerator.GetBytes(5_500);
        guest.SendLargeUdp(s_gateway, endpoint.LocalEndPoint.Port, 5_000, data, 1_000);
        guest.SendLargeUdp(s_gateway, port, 5_000, data, 1_000);
        for (var start = 0; start < data.Length; start += 1_000)
        {
            var piece = data[start..Math.Min(start + 1_000, data.Length)];
            Assert.Equal(piece, (await endpoint.ReceiveAsync(Limit)).Payload.ToArray());
            Assert.Equal(piece, (await host.ReceiveAsync(Limit)).Buffer);
        }
    }

    [Fact]
    public async Task A_port_of_this_process_may_stand_for_an_address_outside_and_goes_before_the_host()
    {
        using var host = new UdpClient(new IPEndPoint(IPAddress.Loopback, 0));
        var port = ((IPEndPoint)host.Client.LocalEndPoint!).Port;
        var (gateway, guest) = Start(new UserModeOptions { Outbound = new OutboundPolicy { HostLoopbackPorts = [port] } });
        using var outside = gateway.OpenUdp(new IPEndPoint(IPAddress.Parse("192.0.2.9"), 123));
        using var shadow = gateway.OpenUdp(port);
        guest.SendUdp(IPAddress.Parse("192.0.2.9"), 123, 5_000, [1]);
        guest.SendUdp(s_gateway, port, 5_000, [2]);
        var datagram = await outside.ReceiveAsync(Limit);
        Assert.Equal([1], datagram.Payload.ToArray());
        outside.SendTo([7], datagram.Source);
        Assert.Equal(IPAddress.Parse("192.0.2.9"), (await guest.Udp.Reader.ReadAsync(Limit)).From);
        Assert.Equal([2], (await shadow.ReceiveAsync(Limit)).Payload.ToArray());
        shadow.Dispose();
        guest.SendUdp(s_gateway, port, 5_000, [3]);
        Assert.Equal([3], (await host.ReceiveAsync(Limit)).Buffer);
    }

    [Fact]
    public async Task Datagrams_longer_than_the_link_go_in_pieces_both_ways()
    {
        var (gateway, guest) = Start();
        using var endpoint = gateway.OpenUdp(4_000);
        var data = RandomNumberGenerator.GetBytes(65_507);
        endpoint.SendTo(data, new IPEndPoint(s_guest, 5_000));
        var reassembler = new Reassembler();
        var whole = Array.Empty<byte>();
        while (whole.Length == 0)
        {
            var frame = await guest.Frames.Reader.ReadAsync(Limit);
            if (frame[12] == 8 && frame[13] == 0)
            {
                Assert.True(PacketLayout.TryParse(frame, out var layout));
                whole = reassembler.Add(default, default, layout, frame.AsSpan(layout.Transport, layout.End - layout.Transport), 0).ToArray();
                // The same pieces make the way back, with addresses and ports turned round.
                guest.SendRaw(Mirrored(frame, layout.Transport));
            }
        }

        Assert.Equal(data, whole[8..]);
        Assert.Equal(data, (await endpoint.ReceiveAsync(Limit)).Payload.ToArray());
    }

    [Fact]
    public async Task Datagrams_pass_by_ipv6()
    {
        var (gateway, guest) = Start();
        var address = IPAddress.Parse("fd00:766d::15");
        guest.Address = IpAddress.From(address);
        using var endpoint = gateway.OpenUdp(new IPEndPoint(gateway.Address6!, 0));
        guest.SendUdp(gateway.Address6!, endpoint.LocalEndPoint.Port, 5_000, [1, 2]);
        var datagram = await endpoint.ReceiveAsync(Limit);
        Assert.Equal(new IPEndPoint(address, 5_000), datagram.Source);
        Assert.Equal([1, 2], datagram.Payload.ToArray());
        endpoint.SendTo([5], datagram.Source);
        var frame = await guest.Frames.Reader.ReadAsync(Limit);
        while (frame[12] != 0x86 || frame[20] != 17)
        {
            frame = await guest.Frames.Reader.ReadAsync(Limit);
        }

        Assert.Equal(gateway.Address6!.GetAddressBytes(), frame[22..38]);
        Assert.Equal(address.GetAddressBytes(), frame[38..54]);
        Assert.Equal([0x13, 0x88, 0, 9], frame[56..60]);
        Assert.Equal(5, frame[62]);
    }

    [Fact]
    public async Task What_nobody_receives_is_bounded_and_others_go_on()
    {
        var (gateway, guest) = Start();
        using var silent = gateway.OpenUdp(1_000);
        using var other = gateway.OpenUdp(1_001);
        for (var i = 0; i < 2_000; i++)
        {
            guest.SendUdp(s_gateway, 1_000, 5_000, new byte[1_400]);
            guest.SendUdp(s_gateway, 1_001, 5_000, []);
            await other.ReceiveAsync(Limit);
        }

        await Until(() => silent.DroppedCount > 0);
        var waiting = 0;
        for (; waiting + silent.DroppedCount < 2_000; waiting++)
        {
            Assert.Equal(1_400, (await silent.ReceiveAsync(Limit)).Payload.Length);
        }

        Assert.InRange(waiting * 1_400, GuestUdpEndpoint.MaxWaitingBytes / 2, GuestUdpEndpoint.MaxWaitingBytes);
        guest.SendUdp(s_gateway, 1_000, 5_000, [8]);
        Assert.Equal([8], (await silent.ReceiveAsync(Limit)).Payload.ToArray());
    }

    [Fact]
    public async Task Errors_of_datagrams_say_what_is_wrong()
    {
        var (gateway, _) = Start();
        using var endpoint = gateway.OpenUdp(4_000);
        Assert.Contains("UDP port 4000 of 10.0.2.2 is in use", Assert.Throws<InvalidOperationException>(() => gateway.OpenUdp(4_000)).Message, StringComparison.Ordinal);
        Assert.Throws<InvalidOperationException>(() => gateway.OpenUdp(53));
        Assert.Throws<InvalidOperationException>(() => gateway.OpenUdp(67));
        foreach (var address in (string[])["10.0.2.15", "0.0.0.0", "::", "224.0.0.1", "255.255.255.255"])
        {
            Assert.Throws<ArgumentException>(() => gateway.OpenUdp(new IPEndPoint(IPAddress.Parse(address), 1)));
        }

        Assert.Throws<ArgumentException>(() => endpoint.SendTo(new byte[65_508], new IPEndPoint(s_guest, 1)));
        Assert.Throws<ArgumentException>(() => endpoint.SendTo([], new IPEndPoint(IPAddress.Loopback, 1)));
        Assert.Throws<ArgumentException>(() => endpoint.SendTo([], new IPEndPoint(IPAddress.Parse("fd00:766d::15"), 1)));
        Assert.Throws<ArgumentOutOfRangeException>(() => endpoint.SendTo([], new IPEndPoint(s_guest, 0)));
        endpoint.SendTo([], new IPEndPoint(IPAddress.Parse("10.0.2.200"), 1));

        var waiting = endpoint.ReceiveAsync(Limit).AsTask();
        endpoint.Dispose();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => waiting);
        Assert.Throws<ObjectDisposedException>(() => endpoint.SendTo([], new IPEndPoint(s_guest, 1)));
        using var again = gateway.OpenUdp(4_000);
        gateway.Dispose();
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await again.ReceiveAsync(Limit));
        Assert.Throws<ObjectDisposedException>(() => gateway.OpenUdp(0));
    }

    private static CancellationToken Limit => new CancellationTokenSource(TimeSpan.FromSeconds(10)).Token;

    private static byte[] Mirrored(byte[] frame, int transport)
    {
        byte[] turned = [.. frame[6..12], .. frame[..6], .. frame[12..26], .. frame[30..34], .. frame[26..30], .. frame[34..]];
        if ((((frame[20] & 0x1F) << 8) | frame[21]) == 0)
        {
            turned[transport] = frame[transport + 2];
            turned[transport + 1] = frame[transport + 3];
            turned[transport + 2] = frame[transport];
            turned[transport + 3] = frame[transport + 1];
        }

        return turned;
    }
}
