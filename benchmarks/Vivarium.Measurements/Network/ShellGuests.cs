using System.Net;
using Vivarium.Network;
using Vivarium.Network.UserMode;
using Vivarium.Virtio;

namespace Vivarium.Measurements;

/// <summary>Two guests with a shell and iperf3 on one switch with a gateway; eng/measure-network.sh makes them.</summary>
internal sealed class ShellGuests : IAsyncDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(3);

    private readonly VirtualSwitch _switch = new(TimeProvider.System);
    private readonly VirtualMachine[] _machines;
    private readonly GuestText[] _texts;

    public ShellGuests(MeasurementOptions options)
    {
        MacAddress[] macs = [MacAddress.FromSeed(12, 1), MacAddress.FromSeed(12, 2)];
        Gateway = new UserModeGateway(_switch, new UserModeOptions
        {
            Reservations = new Dictionary<MacAddress, IPAddress> { [macs[0]] = FirstAddress, [macs[1]] = SecondAddress },
        });
        _machines = [.. macs.Select(mac => Build(options, mac))];
        _texts = [.. _machines.Select(static machine => new GuestText(machine.Console))];
    }

    public static IPAddress FirstAddress { get; } = IPAddress.Parse("10.0.2.31");

    public static IPAddress SecondAddress { get; } = IPAddress.Parse("10.0.2.32");

    public UserModeGateway Gateway { get; }

    /// <summary>Where the first guest is on the switch.</summary>
    public SwitchPort FirstPort { get; private set; } = null!;

    public async Task StartAsync()
    {
        foreach (var machine in _machines)
        {
            await machine.StartAsync();
        }

        foreach (var text in _texts)
        {
            await text.WaitForAsync("Vivarium guest ready", s_patience);
            await text.WaitForAsync(LinuxGuest.Prompt, s_patience);
        }
    }

    /// <summary>Runs a command in the first guest and returns what it printed.</summary>
    public Task<string> RunFirstAsync(string command) => _texts[0].RunAsync(command, s_patience);

    /// <summary>The same in the second.</summary>
    public Task<string> RunSecondAsync(string command) => _texts[1].RunAsync(command, s_patience);

    public async ValueTask DisposeAsync()
    {
        foreach (var machine in _machines)
        {
            await machine.DisposeAsync();
        }

        Gateway.Dispose();
        _switch.Dispose();
    }

    private VirtualMachine Build(MeasurementOptions options, MacAddress mac)
    {
        var initrd = Repository.GuestFolder("network-shell.img");
        if (!File.Exists(initrd))
        {
            throw new MeasurementException("The guests are not there; run eng/measure-network.sh, which makes them.");
        }

        var kernel = File.ReadAllBytes(Path.Combine(Repository.GuestFolder("network-cloud"), "vmlinuz"));
        return options.CreateBuilder().WithMemory(256 << 20)
            .WithBootLoader(new LinuxBootLoader(kernel, File.ReadAllBytes(initrd), "console=ttyS0 panic=-1 quiet"))
            .AddVirtioNet(_switch, new VirtioNetOptions { Address = mac }, created: (_, port) => FirstPort ??= port)
            .Build();
    }
}
