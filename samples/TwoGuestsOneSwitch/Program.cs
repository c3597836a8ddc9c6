// Two Linux guests and this program on one switch in this process: ping, TCP at full speed, a cut and its healing, HTTP without a socket.
using System.Diagnostics;
using System.Net;
using System.Text.RegularExpressions;
using Vivarium;
using Vivarium.Network;
using Vivarium.Network.UserMode;
using Vivarium.Samples.TwoGuestsOneSwitch;

if (await NetworkGuest.FetchAsync() is not { } image)
{
    return 1;
}

MacAddress firstMac = MacAddress.FromSeed(7, 1), secondMac = MacAddress.FromSeed(7, 2);
IPAddress firstAddress = IPAddress.Parse("10.0.2.21"), secondAddress = IPAddress.Parse("10.0.2.22");
using var network = new VirtualSwitch(TimeProvider.System);
using var gateway = new UserModeGateway(network, new UserModeOptions
{
    Reservations = new Dictionary<MacAddress, IPAddress> { [firstMac] = firstAddress, [secondMac] = secondAddress },
});
await using var first = new Guest(image, network, "first", firstMac, firstAddress);
await using var second = new Guest(image, network, "second", secondMac, secondAddress);
await Task.WhenAll(first.StartAsync(), second.StartAsync());

var failures = 0;
Check("the guests reach each other", Received(await second.RunAsync($"ping -c 3 -W 2 {first.Address}")) > 0);

await first.RunAsync("iperf3 -s -D");
var report = await second.RunAsync($"sleep 1; iperf3 -c {first.Address} -t 5 -f m");
var speed = Regex.Match(report, @"([\d.]+) Mbits/sec\s+receiver");
Check($"TCP between them: {speed.Groups[1].Value} Mbit/s", speed.Success);

network.Partition([first.Port]);
Check("a cut parts them", Received(await second.RunAsync($"ping -c 2 -W 1 {first.Address}")) == 0);
network.Heal();
Check("and heals", Received(await second.RunAsync($"ping -c 2 -W 2 {first.Address}")) > 0);

await first.RunAsync("mkdir -p /www; echo hello from the guest > /www/index.html; httpd -h /www");
using var client = gateway.CreateHttpClient();
var greeting = "";
var times = new List<double>();
for (var i = 0; i < 20; i++)
{
    var watch = Stopwatch.StartNew();
    greeting = await client.GetStringAsync($"http://{first.Address}/index.html");
    times.Add(watch.Elapsed.TotalMilliseconds);
}

Check($"HTTP in the process, {times.Order().ElementAt(times.Count / 2):F1} ms a request: {greeting.Trim()}", greeting.Contains("hello", StringComparison.Ordinal));
Console.WriteLine($"{first.Port.Statistics.ReceivedFrames + first.Port.Statistics.SentFrames} frames passed the first guest's port.");
return failures == 0 ? 0 : 1;

void Check(string what, bool holds)
{
    Console.WriteLine($"{(holds ? "yes" : "NO ")}  {what}");
    failures += holds ? 0 : 1;
}

static int Received(string ping) => int.Parse(Regex.Match(ping, @"(\d+) packets received").Groups[1].Value);
