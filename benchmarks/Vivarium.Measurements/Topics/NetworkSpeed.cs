using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace Vivarium.Measurements;

/// <summary>How fast the network of one process is: two Linux guests, their gateway, and HTTP from this process to a guest.</summary>
internal static partial class NetworkSpeed
{
    private const int Pings = 200;
    private const int Requests = 50;
    private const int Rounds = 5;

    public static async Task<int> RunAsync(MeasurementOptions options, int seconds)
    {
        var report = new Report("Two guests on one switch, in one process", options.MarkdownFile, "what", "must", "measured");
        await using var guests = new ShellGuests(options);
        await guests.StartAsync();
        var loopback = await PingAsync(guests, "127.0.0.1");
        report.Add(null, "ping of the guest's own loopback, median", "", $"{Text(loopback, 3)} ms");
        var gateway = await PingAsync(guests, "10.0.2.2");
        report.Add(gateway < 0.2, "ping of the gateway, median", "under 0.2 ms", $"{Text(gateway, 3)} ms");
        report.Add(null, "ping of the other guest, median", "", $"{Text(await PingAsync(guests, $"{ShellGuests.SecondAddress}"), 3)} ms");
        await TransferAsync(guests, report, seconds);
        await RequestAsync(guests, report);
        return report.Finish();
    }

    private static async Task<double> PingAsync(ShellGuests guests, string address)
    {
        var times = await guests.RunFirstAsync($@"ping -c {Pings} -i 0.02 {address} | sed -n 's/.*time=\([0-9.]*\) ms.*/\1/p' | sort -n | sed -n {Pings / 2}p");
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

    /// <summary>
    /// A request of this process against one that the guest makes to itself. Of the latter the time of a connection that is refused is taken off:
    /// that leaves what the server does, without the start of the client's program. By turns, as a host that is busy changes both.
    /// </summary>
    private static async Task RequestAsync(ShellGuests guests, Report report)
    {
        await guests.RunFirstAsync(@"mkdir -p /www; echo hello > /www/index.html; httpd -h /www; printf 'GET /index.html HTTP/1.0\r\n\r\n' > /tmp/request");
        using var client = guests.Gateway.CreateHttpClient();
        List<double> served = [], refused = [], times = [];
        for (var round = 0; round < Rounds; round++)
        {
            served.Add(await LoopAsync(guests, 80));
            refused.Add(await LoopAsync(guests, 81));
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

        var own = Median.Of(served) - Median.Of(refused);
        var median = Median.Of(times);
        report.Add(null, "HTTP request of this process to a guest's server, median", "", $"{Text(median, 2)} ms");
        report.Add(null, "what the server takes of it: the guest's request to itself, less a refused connection", "", $"{Text(own, 2)} ms");
        report.Add(median - own < 1, "the rest", "under 1 ms", $"{Text(median - own, 2)} ms");
    }

    /// <summary>Milliseconds of one connection of the guest to itself.</summary>
    private static async Task<double> LoopAsync(ShellGuests guests, int port)
    {
        var clocks = await guests.RunFirstAsync(
            $"cut -d ' ' -f 1 /proc/uptime; for i in $(seq {Requests}); do nc 127.0.0.1 {port} < /tmp/request; done > /dev/null 2>&1; cut -d ' ' -f 1 /proc/uptime");
        double[] ends = [.. clocks.Split('\n').Select(static line => double.Parse(line, CultureInfo.InvariantCulture))];
        return (ends[^1] - ends[0]) * 1_000 / Requests;
    }

    private static string Text(double value, int digits) => value.ToString($"F{digits}", CultureInfo.InvariantCulture);

    [GeneratedRegex(@"([\d.]+) Mbits/sec\s+receiver")]
    private static partial Regex ReceiverRate();
}
