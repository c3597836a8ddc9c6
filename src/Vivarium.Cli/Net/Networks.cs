using System.Net;
using Vivarium.Devices;
using Vivarium.Network;
using Vivarium.Network.UserMode;
using Vivarium.Virtio;

namespace Vivarium.Cli;

/// <summary>The networks of a run: open as long as the machine exists.</summary>
internal sealed class Networks : IAsyncDisposable
{
    /// <summary>A pair of queues for each processor, up to so many.</summary>
    private const int MaximumPairs = 8;

    /// <summary>Where the guest of a user network is: what DHCP gives it, and where forwarded ports lead.</summary>
    private static readonly IPAddress s_guest = IPAddress.Parse("10.0.2.15");

    private readonly NetworkingOptions _options;
    private readonly List<Opened> _opened = [];
    private readonly Stack<IDisposable> _owned = new();

    private readonly TextWriter _messages;

    private Networks(NetworkingOptions options, TextWriter messages)
    {
        _options = options;
        _messages = messages;
    }

    /// <exception cref="UsageException">One of them cannot be had.</exception>
    public static async Task<Networks> OpenAsync(NetworkingOptions options, TextWriter messages, CancellationToken cancellationToken)
    {
        var networks = new Networks(options, messages);
        try
        {
            foreach (var net in options.Nets)
            {
                await networks.OpenAsync(net, cancellationToken).ConfigureAwait(false);
            }

            return networks;
        }
        catch (Exception exception) when (exception is IOException or ArgumentException or UnauthorizedAccessException)
        {
            await networks.DisposeAsync().ConfigureAwait(false);
            throw new UsageException($"--net: {exception.Message}");
        }
        catch
        {
            await networks.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Gives the machine its network devices.</summary>
    public void AddTo(VirtualMachineBuilder builder, int cpuCount)
    {
        foreach (var (network, options, address, capture) in _opened)
        {
            if (options.Model == NetModel.E1000)
            {
                var port = new SwitchPortOptions { MtuBytes = options.MtuBytes, LockedAddress = address };
                builder.AddE1000(network, new E1000Options { Address = address }, port, (_, place) => SetUp(place, options, capture));
                continue;
            }

            var device = new VirtioNetOptions { Address = address, MtuBytes = options.MtuBytes, QueuePairs = Math.Clamp(cpuCount, 1, MaximumPairs) };
            builder.AddVirtioNet(network, device, created: (_, port) => SetUp(port, options, capture));
        }
    }

    public async ValueTask DisposeAsync()
    {
        while (_owned.TryPop(out var owned))
        {
            if (owned is IAsyncDisposable disposable)
            {
                await disposable.DisposeAsync().ConfigureAwait(false);
            }
            else
            {
                owned.Dispose();
            }
        }
    }

    private async Task OpenAsync(NetOptions options, CancellationToken cancellationToken)
    {
        // What a gateway says to the world outside follows the world's time.
#pragma warning disable RS0030
        var network = new VirtualSwitch(TimeProvider.System);
#pragma warning restore RS0030
        _owned.Push(network);

        // Fixed, so that a guest finds the same device at its next start; but machines that meet on a network must differ.
        var address = options.Address ?? MacAddress.FromSeed(
            options.Kind == NetKind.User ? 1 : (1UL << 32) + (uint)Environment.ProcessId, _opened.Count);
        switch (options.Kind)
        {
            case NetKind.User:
                OpenGateway(network, options, address);
                break;
            case NetKind.Socket when options.IsServer:
                _owned.Push(new SocketHub(network, options.Place, new SwitchPortOptions { MtuBytes = options.MtuBytes }));
                break;
            case NetKind.Socket:
                _owned.Push(await SocketPort.ConnectAsync(network, options.Place, new SwitchPortOptions { MtuBytes = options.MtuBytes }, cancellationToken).ConfigureAwait(false));
                break;
            case NetKind.Tap when OperatingSystem.IsLinux():
                _owned.Push(new TapPort(network, options.Place, new SwitchPortOptions { MtuBytes = options.MtuBytes }));
                break;
            case NetKind.Tap:
                throw new UsageException("--net: tap=NAME takes an interface of a Linux host; on this one use 'user', 'socket=PATH' or 'switch=NAME'.");
            default:
                _owned.Push(await SharedSwitch.JoinAsync(network, options.Place, new SwitchPortOptions { MtuBytes = options.MtuBytes }, cancellationToken).ConfigureAwait(false));
                break;
        }

        FileStream? capture = null;
        if (_options.CaptureFile is { } file)
        {
            capture = File.Create(_opened.Count == 0 ? file : $"{file}.{_opened.Count + 1}");
            _owned.Push(capture);
        }

        _opened.Add(new Opened(network, options, address, capture));
    }

    private void OpenGateway(VirtualSwitch network, NetOptions options, MacAddress address)
    {
        var outbound = options.AllowsOutbound ? OutboundPolicy.Everything : OutboundPolicy.None;
        var gateway = new UserModeGateway(network, new UserModeOptions
        {
            MtuBytes = options.MtuBytes,
            Outbound = outbound with { HostLoopbackPorts = options.AllowsHostLoopback ? Enumerable.Range(1, 65_535).ToHashSet() : options.HostLoopbackPorts },
            Reservations = new Dictionary<MacAddress, IPAddress> { [address] = s_guest },
        });
        _owned.Push(gateway);
        foreach (var (name, target) in options.Names)
        {
            gateway.AddName(name, target);
        }

        foreach (var forward in options.Forwards)
        {
            var guest = forward.Guest ?? s_guest;
            var made = forward.IsUdp ? gateway.ForwardUdp(forward.Host, guest, forward.GuestPort) : gateway.ForwardTcp(forward.Host, guest, forward.GuestPort);
            if (forward.Host.Port == 0)
            {
                _messages.WriteLine($"vivarium: {(forward.IsUdp ? "UDP" : "TCP")} {made.LocalEndPoint} leads to port {forward.GuestPort} of {guest}");
            }
        }
    }

    private void SetUp(SwitchPort port, NetOptions options, FileStream? capture)
    {
        if (capture is not null)
        {
            _owned.Push(port.Capture(capture));
        }

        if (_options.BytesPerSecond is { } rate)
        {
            port.SendLimit = port.ReceiveLimit = new RateLimit { BytesPerSecond = rate };
        }

        if (options.Loss > 0 || options.Delay > TimeSpan.Zero)
        {
            port.SendFaults = new LinkFaults { Seed = 1, Loss = options.Loss, Delay = options.Delay };
            port.ReceiveFaults = new LinkFaults { Seed = 2, Loss = options.Loss, Delay = options.Delay };
        }
    }

    private sealed record Opened(VirtualSwitch Network, NetOptions Options, MacAddress Address, FileStream? Capture);
}
