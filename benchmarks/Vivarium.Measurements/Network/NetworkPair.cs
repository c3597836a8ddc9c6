using System.Net;
using System.Net.Sockets;
using Vivarium.Network;
using Vivarium.Network.UserMode;
using Vivarium.Virtio;

namespace Vivarium.Measurements;

/// <summary>A guest with a shell and one with a game server, on one switch with a gateway; eng/check-network-long.sh makes them.</summary>
internal sealed class NetworkPair : IAsyncDisposable
{
    private const int GamePort = 8303;
    private const byte TokenMessage = 5;
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(5);

    private readonly VirtualSwitch _switch = new(TimeProvider.System);
    private readonly List<VirtioNet> _cards = [];
    private readonly VirtualMachine _shell;
    private readonly VirtualMachine _game;
    private readonly PortForward _forward;

    public NetworkPair(MeasurementOptions options, LoopbackServers servers)
    {
        MacAddress shell = MacAddress.FromSeed(11, 1), game = MacAddress.FromSeed(11, 2);
        Gateway = new UserModeGateway(_switch, new UserModeOptions
        {
            Reservations = new Dictionary<MacAddress, IPAddress> { [shell] = ShellAddress, [game] = GameAddress },
            Outbound = new OutboundPolicy { HostLoopbackPorts = [servers.CounterPort, servers.SourcePort, servers.SinkPort] },
        });
        _shell = Build(options, Repository.GuestFolder("network-shell.img"), shell, "");
        // So that it answers pings of all machines at once.
        _game = Build(options, Path.Combine(Repository.GuestFolder("game"), "initrd.img"), game, " sysctl.net.ipv4.icmp_echo_ignore_broadcasts=0");
        _forward = Gateway.ForwardUdp(new IPEndPoint(IPAddress.Loopback, 0), GameAddress, GamePort);
        Text = new GuestText(_shell.Console);
    }

    public static IPAddress ShellAddress { get; } = IPAddress.Parse("10.0.2.21");

    public static IPAddress GameAddress { get; } = IPAddress.Parse("10.0.2.22");

    public UserModeGateway Gateway { get; }

    public GuestText Text { get; }

    /// <summary>Frames that came faster than a guest took them, and were dropped as on a wire.</summary>
    public long DroppedFrames => _cards.Sum(static card => card.DroppedFrames);

    public async Task StartAsync()
    {
        await _shell.StartAsync();
        await _game.StartAsync();
        await Text.WaitForAsync("Vivarium guest ready", s_patience);
        await Text.WaitForAsync(LinuxGuest.Prompt, s_patience);
        var game = new GuestText(_game.Console);
        await game.WaitForAsync("server name is", s_patience);
    }

    /// <summary>Runs a command in the guest with the shell and returns what it printed.</summary>
    public Task<string> RunAsync(string command, TimeSpan? patience = null) => Text.RunAsync(command, patience ?? s_patience);

    /// <summary>Asks the game server for a token, by a datagram of this process or over a port of the host. Whether it answered.</summary>
    public async Task<bool> AskGameAsync(bool overHost)
    {
        var request = new byte[520];
        request[0] = 1 << 2;
        request.AsSpan(3, 4).Fill(0xFF);
        request[7] = TokenMessage;
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(5));
        try
        {
            byte[] answer;
            if (overHost)
            {
                using var player = new UdpClient();
                await player.SendAsync(request, _forward.LocalEndPoint, limit.Token);
                answer = (await player.ReceiveAsync(limit.Token)).Buffer;
            }
            else
            {
                using var endpoint = Gateway.OpenUdp(0);
                endpoint.SendTo(request, new IPEndPoint(GameAddress, GamePort));
                answer = (await endpoint.ReceiveAsync(limit.Token)).Payload.ToArray();
            }

            return answer.Length == 12 && answer[7] == TokenMessage;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _shell.DisposeAsync();
        await _game.DisposeAsync();
        Gateway.Dispose();
        _switch.Dispose();
    }

    private VirtualMachine Build(MeasurementOptions options, string initrd, MacAddress mac, string arguments)
    {
        if (!File.Exists(initrd))
        {
            throw new MeasurementException("The guests are not there; run eng/check-network-long.sh, which makes them.");
        }

        var kernel = File.ReadAllBytes(Path.Combine(Repository.GuestFolder("game"), "vmlinuz"));
        return options.CreateBuilder().WithMemory(192 << 20)
            .WithBootLoader(new LinuxBootLoader(kernel, File.ReadAllBytes(initrd), "console=ttyS0 panic=-1 quiet" + arguments))
            .AddVirtioNet(_switch, new VirtioNetOptions { Address = mac }, created: (card, _) => _cards.Add(card))
            .Build();
    }
}
