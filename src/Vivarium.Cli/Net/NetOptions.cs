using System.Globalization;

namespace Vivarium.Cli;

/// <summary>What a network device of the guest is connected to.</summary>
internal enum NetKind
{
    /// <summary>A network of its own with a gateway.</summary>
    User,

    /// <summary>A Unix socket, as QEMU's <c>-netdev stream</c>.</summary>
    Socket,

    /// <summary>A switch that processes share by its name.</summary>
    Switch,

    /// <summary>A TAP interface of the host.</summary>
    Tap,
}

/// <summary>Which network device the guest has.</summary>
internal enum NetModel
{
    /// <summary>The fast one.</summary>
    Virtio,

    /// <summary>Intel's 82540EM, which nearly every guest has a driver for.</summary>
    E1000,
}

/// <summary>One <c>--net</c>: a network device and what it is connected to.</summary>
internal sealed record NetOptions
{
    public const string Form = "user[,hostfwd=...][,outbound=on][,hostloopback=on|PORT][,dns=NAME:ADDRESS], socket=PATH[,server=on], switch=NAME or tap=NAME, "
        + "each with [,model=virtio|e1000][,mac=ADDRESS][,mtu=BYTES][,loss=PERCENT][,delay=MS]";

    public NetKind Kind { get; init; }

    /// <summary>The socket's path, or the name of the switch or the interface.</summary>
    public string Place { get; init; } = "";

    /// <summary>Whether others connect to the socket, and it is made.</summary>
    public bool IsServer { get; init; }

    public IReadOnlyList<HostForward> Forwards { get; init; } = [];

    public bool AllowsOutbound { get; init; }

    public bool AllowsHostLoopback { get; init; }

    public IReadOnlyList<int> HostLoopbackPorts { get; init; } = [];

    /// <summary>Names that the network's name server knows.</summary>
    public IReadOnlyList<(string Name, System.Net.IPAddress Address)> Names { get; init; } = [];

    public NetModel Model { get; init; }

    public MacAddress? Address { get; init; }

    public int MtuBytes { get; init; } = 1_500;

    /// <summary>Chance that a frame is lost, 0 to 1, each way.</summary>
    public double Loss { get; init; }

    public TimeSpan Delay { get; init; }

    /// <exception cref="UsageException">It is not of that form, or makes no sense.</exception>
    public static NetOptions Parse(string text)
    {
        var parts = text.Split(',');
        var options = parts[0].Split('=', 2) switch
        {
            ["user"] => new NetOptions { Kind = NetKind.User },
            ["socket", { Length: > 0 } path] => new NetOptions { Kind = NetKind.Socket, Place = path },
            ["switch", { Length: > 0 } name] when name.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '-' or '_') && name.Length <= 64 =>
                new NetOptions { Kind = NetKind.Switch, Place = name },
            ["tap", { Length: > 0 } name] => new NetOptions { Kind = NetKind.Tap, Place = name },
            ["switch", ..] => throw new UsageException($"--net switch=NAME takes a name of letters, digits, '-' and '_', at most 64 of them, not '{parts[0]}'."),
            _ => throw new UsageException($"--net takes {Form}, not '{parts[0]}'."),
        };
        foreach (var part in parts[1..])
        {
            options = options.With(part);
        }

        return options;
    }

    private NetOptions With(string part)
    {
        var (name, value) = part.Split('=', 2) is [var left, var right] ? (left, right) : (part, "");
        if (Kind != NetKind.User && name is "hostfwd" or "outbound" or "hostloopback" or "dns")
        {
            throw new UsageException($"--net: '{name}' is the gateway's, which only a user network has.");
        }

        return name switch
        {
            "hostfwd" => this with { Forwards = [.. Forwards, HostForward.Parse(value)] },
            "outbound" => this with { AllowsOutbound = IsOn(part, value) },
            "hostloopback" when value is "on" or "off" => this with { AllowsHostLoopback = value == "on" },
            "hostloopback" => this with { HostLoopbackPorts = [.. HostLoopbackPorts, (int)Number(part, value, 1, 65_535)] },
            "dns" => this with { Names = [.. Names, ParseName(part, value)] },
            "server" when Kind == NetKind.Socket => this with { IsServer = IsOn(part, value) },
            "model" when value == "virtio" => this with { Model = NetModel.Virtio },
            "model" when value == "e1000" => this with { Model = NetModel.E1000 },
            "mac" => this with { Address = ParseAddress(value) },
            "mtu" => this with { MtuBytes = (int)Number(part, value, Kind == NetKind.User ? 1_280 : 576, Kind == NetKind.User ? 9_000 : 65_535) },
            "loss" => this with { Loss = Number(part, value.TrimEnd('%'), 0, 100) / 100 },
            "delay" => this with { Delay = TimeSpan.FromMilliseconds(Number(part, value, 0, 10_000)) },
            _ => throw new UsageException($"--net does not know '{part}'; it takes {Form}."),
        };
    }

    private static bool IsOn(string part, string value) => value switch
    {
        "on" => true,
        "off" => false,
        _ => throw new UsageException($"--net: '{part}' must be on or off."),
    };

    private static double Number(string part, string value, double least, double most) =>
        double.TryParse(value, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number) && number >= least && number <= most
            ? number
            : throw new UsageException(string.Create(CultureInfo.InvariantCulture, $"--net: '{part}' takes a number from {least} to {most}."));

    private static (string Name, System.Net.IPAddress Address) ParseName(string part, string value) =>
        value.Split(':', 2) is [{ Length: > 0 } name, var address] && System.Net.IPAddress.TryParse(address, out var parsed)
            ? (name, parsed)
            : throw new UsageException($"--net: '{part}' takes a name and an address, as dns=files:10.0.2.2.");

    private static MacAddress ParseAddress(string value)
    {
        try
        {
            return MacAddress.Parse(value) is { IsMulticast: false } address
                ? address
                : throw new UsageException($"--net: mac={value} is a group's address; a device needs one of its own, as 02:00:5e:10:00:01.");
        }
        catch (FormatException exception)
        {
            throw new UsageException($"--net: {exception.Message}");
        }
    }
}
