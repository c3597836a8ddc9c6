using System.Net;
using System.Net.Sockets;
using Vivarium.Network;

namespace Vivarium.Cli.Tests;

public sealed class NetOptionsTests
{
    [Fact]
    public void A_user_network_is_understood()
    {
        var net = NetOptions.Parse(
            "user,hostfwd=tcp:127.0.0.1:2222-:22,hostfwd=udp::0-10.0.2.15:53,outbound=on,hostloopback=8080,hostloopback=9090,mac=02:00:00:00:00:07,mtu=9000,loss=1.5%,delay=20,dns=files:10.0.2.2,model=virtio");
        Assert.Equal(NetKind.User, net.Kind);
        Assert.Equal(
            [
                new HostForward(IsUdp: false, new IPEndPoint(IPAddress.Loopback, 2222), null, 22),
                new HostForward(IsUdp: true, new IPEndPoint(IPAddress.Loopback, 0), IPAddress.Parse("10.0.2.15"), 53),
            ],
            net.Forwards);
        Assert.True(net.AllowsOutbound);
        Assert.False(net.AllowsHostLoopback);
        Assert.Equal([8080, 9090], net.HostLoopbackPorts);
        Assert.Equal(MacAddress.Parse("02:00:00:00:00:07"), net.Address);
        Assert.Equal(9000, net.MtuBytes);
        Assert.Equal(0.015, net.Loss, 6);
        Assert.Equal(TimeSpan.FromMilliseconds(20), net.Delay);
        Assert.Equal(("files", IPAddress.Parse("10.0.2.2")), Assert.Single(net.Names));
    }

    [Fact]
    public void By_default_nothing_is_allowed()
    {
        var net = NetOptions.Parse("user");
        Assert.False(net.AllowsOutbound);
        Assert.False(net.AllowsHostLoopback);
        Assert.Empty(net.HostLoopbackPorts);
        Assert.True(NetOptions.Parse("user,hostloopback=on").AllowsHostLoopback);
    }

    [Fact]
    public void Other_networks_are_understood()
    {
        Assert.Equal((NetKind.Socket, "/tmp/a=b", false), Read("socket=/tmp/a=b"));
        Assert.Equal((NetKind.Socket, "x", true), Read("socket=x,server=on"));
        Assert.Equal((NetKind.Switch, "lab-1", false), Read("switch=lab-1"));
        Assert.Equal((NetKind.Tap, "tap0", false), Read("tap=tap0"));
    }

    [Theory]
    [InlineData("", "--net takes")]
    [InlineData("tap", "--net takes")]
    [InlineData("tap=", "--net takes")]
    [InlineData("socket=", "--net takes")]
    [InlineData("switch=", "letters, digits")]
    [InlineData("switch=../x", "letters, digits")]
    [InlineData("user,hostfwd=2222:22", "tcp:127.0.0.1:2222-:22")]
    [InlineData("user,hostfwd=tcp:localhost:2222-:22", "hostfwd takes")]
    [InlineData("user,hostfwd=tcp:127.0.0.1:70000-:22", "hostfwd takes")]
    [InlineData("user,hostfwd=tcp:127.0.0.1:2222-:0", "hostfwd takes")]
    [InlineData("user,outbound=yes", "on or off")]
    [InlineData("user,hostloopback=0", "from 1 to 65535")]
    [InlineData("user,mac=1:2", "no Ethernet address")]
    [InlineData("user,mac=01:00:5e:00:00:01", "group's address")]
    [InlineData("user,mtu=100", "from 1280 to 9000")]
    [InlineData("user,loss=101", "from 0 to 100")]
    [InlineData("user,loss=NaN", "from 0 to 100")]
    [InlineData("user,model=ne2000", "'model=ne2000'")]
    [InlineData("user,server=on", "'server=on'")]
    [InlineData("user,dns=files", "dns=files:10.0.2.2")]
    [InlineData("switch=lab,outbound=on", "only a user network")]
    public void What_is_wrong_is_said(string text, string expected) =>
        Assert.Contains(expected, Assert.Throws<UsageException>(() => NetOptions.Parse(text)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("10M", 1_250_000)]
    [InlineData("8K", 1_000)]
    [InlineData("1.5G", 187_500_000)]
    [InlineData("64000", 8_000)]
    public void A_rate_is_understood(string text, long bytesPerSecond) => Assert.Equal(bytesPerSecond, BitRate.ParseBytesPerSecond(text));

    [Theory]
    [InlineData("")]
    [InlineData("M")]
    [InlineData("-1M")]
    [InlineData("1")]
    [InlineData("5000G")]
    public void A_rate_that_is_none_is_refused(string text) => Assert.Throws<UsageException>(() => BitRate.ParseBytesPerSecond(text));

    [Fact]
    public async Task A_port_that_is_in_use_is_named()
    {
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        var port = ((IPEndPoint)other.LocalEndpoint).Port;
        var (code, errors) = await RunAsync("run", "--rom", "none", "--net", $"user,hostfwd=tcp:127.0.0.1:{port}-:22");
        Assert.Equal(ExitCodes.Usage, code);
        Assert.Contains($"port {port} of 127.0.0.1 is in use", errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_socket_at_which_nobody_listens_is_named()
    {
        var (code, errors) = await RunAsync("run", "--rom", "none", "--net", "socket=/nonexistent/vivarium.sock");
        Assert.Equal(ExitCodes.Usage, code);
        Assert.Contains("'/nonexistent/vivarium.sock'", errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_capture_needs_a_network()
    {
        var (code, errors) = await RunAsync("run", "--rom", "none", "--pcap", "x");
        Assert.Equal(ExitCodes.Usage, code);
        Assert.Contains("--net user", errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Processes_share_a_switch_and_one_takes_over_when_the_first_is_gone()
    {
        var name = $"test-{Guid.NewGuid():N}";
        var token = TestContext.Current.CancellationToken;
        using var first = new VirtualSwitch(TimeProvider.System);
        using var second = new VirtualSwitch(TimeProvider.System);
        using var third = new VirtualSwitch(TimeProvider.System);
        var arrived = new FrameQueue(() => { });
        var sender = second.AddPort(new FrameQueue(() => { }));
        third.AddPort(arrived);
        var hub = await SharedSwitch.JoinAsync(first, name, new SwitchPortOptions(), token);
        using var a = await SharedSwitch.JoinAsync(second, name, new SwitchPortOptions(), token);
        using var b = await SharedSwitch.JoinAsync(third, name, new SwitchPortOptions(), token);
        Assert.True(hub.IsHub);
        Assert.False(a.IsHub || b.IsHub);
        await ReachAsync();
        hub.Dispose();
        await ReachAsync();
        Assert.True(a.IsHub ^ b.IsHub);

        async Task ReachAsync()
        {
            arrived.Clear();
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(token);
            limit.CancelAfter(TimeSpan.FromSeconds(20));
            while (arrived.Count == 0 || (!a.IsHub && !b.IsHub && !hub.IsHub))
            {
                var frame = second.Pool.Rent(60);
                frame.Span.Clear();
                MacAddress.Broadcast.Write(frame.Span);
                MacAddress.FromSeed(5).Write(frame.Span[6..]);
                sender.Send([frame]);
                await Task.Delay(20, limit.Token);
            }
        }
    }

    private static (NetKind Kind, string Place, bool IsServer) Read(string text)
    {
        var net = NetOptions.Parse(text);
        return (net.Kind, net.Place, net.IsServer);
    }

    private static async Task<(int Code, string Errors)> RunAsync(params string[] args)
    {
        var errors = new StringWriter();
        return (await CommandLine.InvokeAsync(args, errors), errors.ToString());
    }
}
