using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.Versioning;
using System.Security.Cryptography;

namespace Vivarium.Network.UserMode.Tests;

/// <summary>A TAP interface of this host on a switch with a gateway: the host's own sockets are the client. Skipped where the host gives none.</summary>
[SupportedOSPlatform("linux")]
public sealed class TapPortTests : IDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    private readonly VirtualSwitch _switch = new(TimeProvider.System);
    private readonly string _name = $"viv{Environment.ProcessId % 1_000_000}";
    private TapPort? _tap;

    public void Dispose()
    {
        _tap?.Dispose();
        _switch.Dispose();
    }

    [Fact]
    public async Task The_hosts_tcp_goes_both_ways_uncut()
    {
        var network = Open();
        using var gateway = new UserModeGateway(_switch, new UserModeOptions { Network = network, Network6 = null });
        using var listener = gateway.Listen(80);
        var data = RandomNumberGenerator.GetBytes(8 << 20);
        var serving = EchoAsync(listener);
        using var client = new TcpClient();
        using var limit = new CancellationTokenSource(s_patience);
        await client.ConnectAsync(gateway.Address, 80, limit.Token);
        var writing = client.GetStream().WriteAsync(data, limit.Token).AsTask();
        var received = new byte[data.Length];
        await client.GetStream().ReadExactlyAsync(received, limit.Token);
        await writing;

        Assert.Equal(SHA256.HashData(data), SHA256.HashData(received));
        var statistics = _tap!.Port.Statistics;
        Assert.True(statistics.ReceivedBytes / statistics.ReceivedFrames > 1_514 || statistics.SentBytes / statistics.SentFrames > 1_514, $"{statistics}");
        client.Close();
        await serving.WaitAsync(s_patience);
    }

    [Fact]
    public async Task One_large_datagram_of_the_host_is_many()
    {
        var network = Open();
        using var gateway = new UserModeGateway(_switch, new UserModeOptions { Network = network, Network6 = null });
        using var endpoint = gateway.OpenUdp(5_000);
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        using var limit = new CancellationTokenSource(s_patience);
        await socket.ConnectAsync(new IPEndPoint(gateway.Address, 5_000), limit.Token);
        const int UdpLevel = 17, Segment = 103;
        socket.SetRawSocketOption(UdpLevel, Segment, BitConverter.GetBytes(1_000));
        var data = RandomNumberGenerator.GetBytes(5_500);
        await socket.SendAsync(data, limit.Token);

        var received = new List<byte[]>();
        while (received.Sum(static piece => piece.Length) < data.Length)
        {
            received.Add((await endpoint.ReceiveAsync(limit.Token)).Payload.ToArray());
        }

        Assert.Equal([1_000, 1_000, 1_000, 1_000, 1_000, 500], received.Select(static piece => piece.Length));
        Assert.Equal(data, received.SelectMany(static piece => piece));
        endpoint.SendTo(data.AsSpan(0, 700), (IPEndPoint)socket.LocalEndPoint!);
        var answer = new byte[2_000];
        Assert.Equal(700, await socket.ReceiveAsync(answer, limit.Token));
    }

    [Fact]
    public void What_the_host_does_not_give_is_said()
    {
        Open();
        Assert.Contains($"'{_name}' is in use", Assert.Throws<IOException>(() => new TapPort(_switch, _name)).Message, StringComparison.Ordinal);
        Assert.Contains("'lo' is there and is no TAP", Assert.Throws<IOException>(() => new TapPort(_switch, "lo")).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("a name")]
    [InlineData("tap/0")]
    [InlineData("tap%d")]
    [InlineData("sixteen-letters0")]
    [InlineData("..")]
    public void A_name_that_is_none_is_refused(string name) =>
        Assert.Contains("1 to 15 letters", Assert.Throws<ArgumentException>(() => new TapPort(_switch, name)).Message, StringComparison.Ordinal);

    [Fact]
    public void An_interface_that_is_deleted_ends_its_link()
    {
        Open();
        using var down = new ManualResetEventSlim();
        _tap!.Port.LinkChanged += up =>
        {
            if (!up)
            {
                down.Set();
            }
        };
        Ip($"link delete {_name}");
        Assert.True(down.Wait(s_patience));
    }

    private static async Task EchoAsync(GuestListener listener)
    {
        using var stream = await listener.AcceptAsync();
        var buffer = new byte[64 << 10];
        int count;
        while ((count = await stream.ReadAsync(buffer)) > 0)
        {
            await stream.WriteAsync(buffer.AsMemory(0, count));
        }
    }

    /// <summary>Makes the interface, with an address of a network that is nobody's.</summary>
    private IPNetwork Open()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && File.Exists("/dev/net/tun") && File.Exists("/usr/sbin/ip"), "This host has no /dev/net/tun, or no 'ip'.");
        try
        {
            _tap = new TapPort(_switch, _name);
        }
        catch (IOException exception) when (exception.Message.Contains("may not", StringComparison.Ordinal))
        {
            Assert.Skip(exception.Message);
        }

        var third = Environment.ProcessId % 250;
        Ip($"addr add 10.213.{third}.15/24 dev {_name}");
        Ip($"link set {_name} up");
        return IPNetwork.Parse($"10.213.{third}.0/24");
    }

    private static void Ip(string arguments)
    {
        using var process = Process.Start(new ProcessStartInfo("/usr/sbin/ip", arguments) { RedirectStandardError = true })!;
        var errors = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, errors);
    }
}
