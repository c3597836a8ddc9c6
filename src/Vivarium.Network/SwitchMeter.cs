using System.Diagnostics.Metrics;

namespace Vivarium.Network;

/// <summary>A switch's statistics as the instruments of a meter named <c>Vivarium.Network</c>. They cost nothing until somebody listens.</summary>
internal sealed class SwitchMeter : IDisposable
{
    private readonly Meter _meter = new("Vivarium.Network");
    private readonly VirtualSwitch _owner;

    public SwitchMeter(VirtualSwitch owner)
    {
        _owner = owner;
        _meter.CreateObservableCounter("vivarium.network.frames", Frames, "{frame}", "Frames through a port.");
        _meter.CreateObservableCounter("vivarium.network.io", Bytes, "By", "Bytes through a port.");
        _meter.CreateObservableCounter("vivarium.network.drops", Drops, "{frame}", "Frames that a port dropped.");
        _meter.CreateObservableUpDownCounter("vivarium.network.addresses", Addresses, "{address}", "Addresses that a switch knows.");
    }

    public void Dispose() => _meter.Dispose();

    private IEnumerable<Measurement<long>> Frames() => Both(port => (port.ReceivedFrames, port.SentFrames));

    private IEnumerable<Measurement<long>> Bytes() => Both(port => (port.ReceivedBytes, port.SentBytes));

    private IEnumerable<Measurement<int>> Addresses() => [new(_owner.KnownAddresses, new KeyValuePair<string, object?>("switch", _owner.Name))];

    private IEnumerable<Measurement<long>> Both(Func<PortStatistics, (long Received, long Sent)> read)
    {
        foreach (var port in _owner.Ports)
        {
            var (received, sent) = read(port.Statistics);
            yield return new(received, Tags(port, "direction", "receive"));
            yield return new(sent, Tags(port, "direction", "transmit"));
        }
    }

    private IEnumerable<Measurement<long>> Drops()
    {
        foreach (var port in _owner.Ports)
        {
            foreach (var (reason, count) in port.Statistics.Drops)
            {
                if (count > 0)
                {
                    yield return new(count, Tags(port, "reason", reason.ToString()));
                }
            }
        }
    }

    private KeyValuePair<string, object?>[] Tags(SwitchPort port, string key, string value) =>
        [new("switch", _owner.Name), new("port", port.Name), new(key, value)];
}
