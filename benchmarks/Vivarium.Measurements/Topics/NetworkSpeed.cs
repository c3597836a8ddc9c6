using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace Vivarium.Measurements;

/// <summary>How fast the network of one process is: two Linux guests, their gateway, and HTTP from this process to a guest.</summary>
internal static partial class NetworkSpeed
{
    private const int Pings = 200;

    /// <summary>Close enough for the host's caches to stay warm.</summary>
    private const string Close = "0.001";

    /// <summary>As a game's ticks. Meanwhile the host's processor may sleep deep, which a host's own pings of itself show as well.</summary>
    private const string Apart = "0.02";
    private const int Requests = 200;

    public static async Task<int> RunAsync(MeasurementOptions options, int seconds)
    {
        var report = new Report("Two guests on one switch, in one process", options.MarkdownFile, "what", "must", "measured");
        await using var guests = new ShellGuests(options);
        await guests.StartAsync();
        var gateway = await PingAsync(guests, "10.0.2.2", Close);
        report.Add(gateway < 0.2, "ping of the gateway every ms, median", "under 0.2 ms", $"{Text(gateway, 3)} ms");
        foreach (var (name, address) in new[] { ("gateway", "10.0.2.2"), ("guest's own loopback", "127.0.0.1"), ("other guest", $"{ShellGuests.SecondAddress}") })
        {
            report.Add(null, $"ping of the {name} every ms, each 20 ms, medians", "",
                $"{Text(await PingAsync(guests, address, Close), 3)} ms, {Text(await PingAsync(guests, address, Apart), 3)} ms");
        }

        await TransferAsync(guests, report, seconds);
        await RequestAsync(guests, report);
        return report.Finish();
    }

    /// <summary>By the ping of iputils, which takes the times of the guest's kernel.</summary>
    private static async Task<double> PingAsync(ShellGuests guests, string address, string seconds)
    {
        var times = await guests.RunFirstAsync($@"/bin/ping -c {Pings} -i {seconds} {address} | sed -n 's/.*time=\([0-9.]*\) ms.*/\1/p' | sort -n | sed -n {Pings / 2}p");
        return double.TryParse(times, CultureInfo.InvariantCulture, out var median) ? median : throw new MeasurementException($"{address} does not answer pings: {times}");
    }

    private static async Task TransferAsync(ShellGuests guests, Report report, int seconds)
    {
        await guests.RunSecondAsync("iperf3 -s -D; sleep 1");
        var cpu = HostProcess.CpuTime;
        var text = await guests.RunFirstAsync($"iperf3 -c {ShellGuests.SecondAddress} -t {seconds} -f m");
        cpu = HostProcess.CpuTime - cpu;
        if (ReceiverRate().Match(text) is not { Success: true } found)
        {
            throw new MeasurementException($"iperf3 says no rate: {text}");
        }

        var rate = double.Parse(found.Groups[1].Value, CultureInfo.InvariantCulture);
        report.Add(rate >= 2_000, "guest to guest, TCP by iperf3", "at least 2,000 Mbit/s", $"{rate:F0} Mbit/s");
        report.Add(null, "processor time of this process for it, both guests in it", "", $"{cpu.TotalMilliseconds / (rate * seconds / 8 / 1_000):F0} ms a GB");
    }

    /// <summary>Requests of this process, and how much of their time is the guest's.</summary>
    private static async Task RequestAsync(ShellGuests guests, Report report)
    {
        await guests.RunFirstAsync("mkdir -p /www; echo hello > /www/index.html; httpd -h /www");
        using var client = guests.Gateway.CreateHttpClient();
        using var file = new MemoryStream();
        var times = new List<double>();
        using (guests.FirstPort.Capture(file))
        {
            for (var i = 0; i < Requests; i++)
            {
                var watch = Stopwatch.StartNew();
                if (await client.GetStringAsync($"http://{ShellGuests.FirstAddress}/index.html") != "hello\n")
                {
                    throw new MeasurementException("The guest's server answers otherwise than it should.");
                }

                times.Add(watch.Elapsed.TotalMilliseconds);
            }
        }

        var own = ServerClock.Read(file.ToArray(), port: 80);
        if (own.Count != times.Count)
        {
            throw new MeasurementException($"The capture has {own.Count} requests of {times.Count}.");
        }

        // One by one, so that a moment in which the host did something else counts once.
        var rest = times.Zip(own, static (all, guest) => all - guest);
        report.Add(null, "HTTP request of this process to a guest's server, a connection each, median", "", $"{Text(Median.Of(times), 2)} ms");
        report.Add(null, "what of it passes in the guest, median", "", $"{Text(Median.Of(own), 2)} ms");
        report.Add(Median.Of(rest) < 1, "the rest, median", "under 1 ms", $"{Text(Median.Of(rest), 2)} ms");
    }

    private static string Text(double value, int digits) => value.ToString($"F{digits}", CultureInfo.InvariantCulture);

    [GeneratedRegex(@"([\d.]+) Mbits/sec\s+receiver")]
    private static partial Regex ReceiverRate();
}
