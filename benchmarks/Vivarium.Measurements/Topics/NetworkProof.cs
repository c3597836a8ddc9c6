using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace Vivarium.Measurements;

/// <summary>Long shows of the network: many connections, none leaked; mixed traffic, no growth; broadcast and multicast.</summary>
internal static class NetworkProof
{
    private const int Loops = 8;
    private const int CurvePoints = 15;
    private const double AllowedHeapGrowthMiB = 4;
    private const double AllowedResidentGrowthMiB = 24;

    /// <summary>Which of the loops of mixed traffic are the last, those of pings.</summary>
    private const int FirstPing = 3;

    public static async Task<int> RunAsync(MeasurementOptions options, int connections, double minutes)
    {
        var report = new Report("The network over time", options.MarkdownFile, "what", "must", "measured");
        using var servers = new LoopbackServers();
        await using var pair = new NetworkPair(options, servers);
        await pair.StartAsync();
        foreach (var (name, address) in (IEnumerable<(string, string)>)[("broadcast", "10.0.2.255"), ("multicast", "224.0.0.1")])
        {
            var ping = await pair.RunAsync($"ping -c 3 -W 2 -I eth0 {address}");
            var replies = Regex.Count(ping, $"bytes from {NetworkPair.GameAddress}");
            report.Add(replies == 3, $"pings by {name} that the other guest answers", "3", $"{replies}");
        }

        await ConnectAsync(pair, servers, report, connections);
        await MixAsync(pair, servers, report, minutes);
        return report.Finish();
    }

    /// <summary>Connections one after the other in loops side by side; each must bring a number of its own.</summary>
    private static async Task ConnectAsync(NetworkPair pair, LoopbackServers servers, Report report, int connections)
    {
        var each = Math.Max(1, connections / Loops);
        var files = OpenFiles();
        var watch = Stopwatch.StartNew();
        await pair.RunAsync(
            $"for j in $(seq {Loops}); do (for i in $(seq {each}); do nc 10.0.2.2 {servers.CounterPort} < /dev/null; done > /tmp/n$j) & done; wait", TimeSpan.FromHours(1));
        var seconds = watch.Elapsed.TotalSeconds;
        var different = await pair.RunAsync("cat /tmp/n* | sort -u | wc -l");
        report.Add(different == $"{each * Loops}", "connections through the NAT that brought a number of their own", $"{each * Loops}", $"{different} in {seconds:F0} s");
        report.Add(await UntilAsync(() => pair.Gateway.ConnectionCount == 0), "connections left in the gateway", "0", $"{pair.Gateway.ConnectionCount}");
        var left = 0;
        report.Add(await UntilAsync(() => (left = OpenFiles() - files) <= 2), "files left open", "at most 2", $"{left}");
    }

    private static async Task MixAsync(NetworkPair pair, LoopbackServers servers, Report report, double minutes)
    {
        // The guest's own pages are not to be counted as growth.
        await pair.RunAsync("mkdir -p /www; echo hello > /www/index.html; httpd -h /www; dd if=/dev/zero of=/tmp/fill bs=1M count=100 2> /dev/null; rm -f /tmp/fill /tmp/n*");
        string[] loops =
        [
            $"[ $(nc 10.0.2.2 {servers.SourcePort} < /dev/null | wc -c) = {LoopbackServers.TransferBytes} ]",
            $"dd if=/dev/zero bs=64k count={LoopbackServers.TransferBytes >> 16} 2> /dev/null | nc 10.0.2.2 {servers.SinkPort}",
            "nslookup gateway.vivarium.internal 10.0.2.3 > /dev/null 2>&1",
            "ping -c 1 -W 5 10.0.2.2 > /dev/null",
            $"ping -c 1 -W 5 {NetworkPair.GameAddress} > /dev/null",
        ];
        foreach (var (number, command) in loops.Index())
        {
            await pair.RunAsync($"(good=0; bad=0; while [ ! -f /tmp/stop ]; do if {command}; then good=$((good+1)); else bad=$((bad+1)); fi; done; echo $good $bad > /tmp/mix{number}) > /dev/null 2>&1 &");
        }

        var dropped = pair.DroppedFrames;
        using var client = pair.Gateway.CreateHttpClient();
        int answers = 0, failures = 0;
        var length = TimeSpan.FromMinutes(minutes);
        var watch = Stopwatch.StartNew();
        (double Heap, double Resident)? first = null;
        var curve = new List<double>();
        while (watch.Elapsed < length)
        {
            // Pools and caches have filled by a quarter of the time.
            if (first is null && watch.Elapsed > length / 4)
            {
                first = Memory();
            }

            if (watch.Elapsed > length * curve.Count / CurvePoints)
            {
                curve.Add(Memory().Resident);
            }

            foreach (var isGood in (bool[])[await FetchAsync(client) == "hello\n", await pair.AskGameAsync(overHost: false), await pair.AskGameAsync(overHost: true)])
            {
                answers += isGood ? 1 : 0;
                failures += isGood ? 0 : 1;
            }
        }

        var last = Memory();
        first ??= last;
        await pair.RunAsync("touch /tmp/stop; wait; sleep 1");
        var counts = (await pair.RunAsync("cat /tmp/mix*")).Split('\n').Select(static line => line.Trim().Split(' ').Select(int.Parse).ToArray()).ToList();
        var good = counts.Sum(static count => count[0]) + answers;
        var bad = counts.Sum(static count => count[1]) + failures;
        var what = $"mixed traffic, {minutes.ToString(CultureInfo.InvariantCulture)} min: transfers of 4 MiB down and up, names, pings of the gateway and the guest, answers to this process";
        dropped = pair.DroppedFrames - dropped;

        // Nobody sends a ping again that was dropped as a guest had no room for it.
        var lostPings = counts.Skip(FirstPing).Sum(static count => count[1]);
        report.Add(bad == Math.Min(lostPings, dropped) && counts.Count == loops.Length && counts.TrueForAll(static count => count[0] > 0), what,
            "0 failed, but pings of which a frame was dropped", $"{string.Join(", ", counts.Select(static count => count[0]))}, {answers}; {bad} of {good + bad} failed: {string.Join(", ", counts.Select(static count => count[1]))}, {failures}");
        report.Add(null, "frames dropped meanwhile, as a guest had no room for them", "", $"{dropped}");
        report.Add(await UntilAsync(() => pair.Gateway.ConnectionCount <= 1), "connections left, the HTTP client's aside", "0", $"{Math.Max(0, pair.Gateway.ConnectionCount - 1)}");
        report.Add(last.Heap - first.Value.Heap <= AllowedHeapGrowthMiB, "managed heap grows by, MiB", $"at most {AllowedHeapGrowthMiB}", $"{last.Heap - first.Value.Heap:F1} to {last.Heap:F0}");
        report.Add(null, "resident memory over that time, MiB", "", string.Join(" ", curve.Select(static value => value.ToString("F0", CultureInfo.InvariantCulture))));
        report.Add(last.Resident - first.Value.Resident <= AllowedResidentGrowthMiB, "resident memory grows by, MiB", $"at most {AllowedResidentGrowthMiB}", $"{last.Resident - first.Value.Resident:F1} to {last.Resident:F0}");
    }

    private static async Task<string> FetchAsync(HttpClient client)
    {
        try
        {
            return await client.GetStringAsync($"http://{NetworkPair.ShellAddress}/index.html");
        }
        catch (HttpRequestException exception)
        {
            return exception.Message;
        }
    }

    private static (double Heap, double Resident) Memory() =>
        (GC.GetTotalMemory(forceFullCollection: true) / (double)(1 << 20), HostProcess.ResidentBytes() / (double)(1 << 20));

    private static int OpenFiles() => Directory.GetFileSystemEntries("/proc/self/fd").Length;

    private static async Task<bool> UntilAsync(Func<bool> condition)
    {
        for (var watch = Stopwatch.StartNew(); watch.Elapsed < TimeSpan.FromSeconds(30); await Task.Delay(100))
        {
            if (condition())
            {
                return true;
            }
        }

        return condition();
    }
}
