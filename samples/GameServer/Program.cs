// Game servers from Debian's packages in guests of this process, asked for their info by their own protocol: over a port of the host, and without
// a socket. The argument is how many guests there are on the switch, 1 by default.
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Vivarium;
using Vivarium.Network;
using Vivarium.Network.UserMode;
using Vivarium.Samples.GameServer;
using Vivarium.Virtio;

const int GamePort = 8303;
var root = AppContext.BaseDirectory;
while (!File.Exists(Path.Combine(root, "eng", "get-game-guest.sh")))
{
    root = Path.GetDirectoryName(root) ?? throw new DirectoryNotFoundException("Run this sample inside the repository: eng/get-game-guest.sh is not above it.");
}

using var script = Process.Start("bash", [Path.Combine(root, "eng", "get-game-guest.sh")]);
await script.WaitForExitAsync();
if (script.ExitCode != 0)
{
    return 1;
}

var kernel = await File.ReadAllBytesAsync(Path.Combine(root, "artifacts", "guest", "game", "vmlinuz"));
var initrd = await File.ReadAllBytesAsync(Path.Combine(root, "artifacts", "guest", "game", "initrd.img"));
var guests = Enumerable.Range(1, args is [var count, ..] ? int.Parse(count) : 1)
    .Select(i => (Name: $"arena-{i}", Mac: MacAddress.FromSeed(9, i), Address: IPAddress.Parse($"10.0.2.{20 + i}"))).ToList();
using var network = new VirtualSwitch(TimeProvider.System);
using var gateway = new UserModeGateway(network, new() { Reservations = guests.ToDictionary(guest => guest.Mac, guest => guest.Address) });
var machines = new List<VirtualMachine>();
var failures = 0;
try
{
    foreach (var guest in guests)
    {
        var machine = new VirtualMachineBuilder()
            .WithName(guest.Name)
            .WithMemory(160 << 20)
            .WithBootLoader(new LinuxBootLoader(kernel, initrd, $"console=ttyS0 quiet panic=-1 game={guest.Name}"))
            .AddVirtioNet(network, new VirtioNetOptions { Address = guest.Mac })
            .Build();
        machines.Add(machine);
        await machine.StartAsync();
    }

    foreach (var guest in guests)
    {
        var server = new IPEndPoint(guest.Address, GamePort);
        using var endpoint = gateway.OpenUdp(0);
        await CheckAsync("in this process", guest.Name, async (datagram, cancellationToken) =>
        {
            endpoint.SendTo(datagram, server);
            return (await endpoint.ReceiveAsync(cancellationToken)).Payload.ToArray();
        });

        using var forward = gateway.ForwardUdp(new IPEndPoint(IPAddress.Loopback, 0), guest.Address, GamePort);
        using var player = new UdpClient();
        player.Connect(forward.LocalEndPoint);
        await CheckAsync($"over {forward.LocalEndPoint}", guest.Name, async (datagram, cancellationToken) =>
        {
            await player.SendAsync(datagram, cancellationToken);
            return (await player.ReceiveAsync(cancellationToken)).Buffer;
        });
    }
}
finally
{
    foreach (var machine in machines)
    {
        await machine.DisposeAsync();
    }
}

return failures == 0 ? 0 : 1;

// A server is asked until it answers, as players do while it starts.
async Task CheckAsync(string way, string name, ServerInfo.Exchange exchange)
{
    var patience = Stopwatch.StartNew();
    while (patience.Elapsed < TimeSpan.FromMinutes(3))
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(2));
        try
        {
            var start = patience.Elapsed;
            var info = await ServerInfo.QueryAsync(exchange, limit.Token);
            Console.WriteLine($"{(info.Name == name ? "yes" : "NO ")}  {name} answers {way} in {(patience.Elapsed - start).TotalMilliseconds:F1} ms: {info}");
            failures += info.Name == name ? 0 : 1;
            return;
        }
        catch (Exception exception) when (exception is OperationCanceledException or InvalidDataException or SocketException)
        {
            await Task.Delay(200);
        }
    }

    failures++;
    Console.WriteLine($"NO   {name} does not answer {way}.");
}
