using System.CommandLine;

namespace Vivarium.Cli;

/// <summary>The options about networks.</summary>
internal sealed class NetArguments
{
    private readonly Option<string[]> _net = new("--net") { HelpName = "SPEC", Description = $"A network device: {NetOptions.Form}. May be given several times." };
    private readonly Option<string?> _pcap = new("--pcap") { HelpName = "F", Description = "Writes what passes the network devices here, as pcapng; the second device's file is F.2." };
    private readonly Option<string?> _rate = new("--rate") { HelpName = "R", Description = "Most that each network device sends and gets, in bits a second, as 10M." };

    public void AddTo(Command command)
    {
        command.Options.Add(_net);
        command.Options.Add(_pcap);
        command.Options.Add(_rate);
    }

    /// <exception cref="UsageException">They make no sense.</exception>
    public NetworkingOptions Parse(ParseResult result)
    {
        var options = new NetworkingOptions
        {
            Nets = [.. (result.GetValue(_net) ?? []).Select(NetOptions.Parse)],
            CaptureFile = result.GetValue(_pcap),
            BytesPerSecond = result.GetValue(_rate) is { } rate ? BitRate.ParseBytesPerSecond(rate) : null,
        };
        return options.Nets.Count > 0 || (options.CaptureFile is null && options.BytesPerSecond is null)
            ? options
            : throw new UsageException("--pcap and --rate are about network devices; add one, as --net user.");
    }
}

/// <summary>What the guest's networks are.</summary>
internal sealed record NetworkingOptions
{
    public IReadOnlyList<NetOptions> Nets { get; init; } = [];

    public string? CaptureFile { get; init; }

    public long? BytesPerSecond { get; init; }
}
