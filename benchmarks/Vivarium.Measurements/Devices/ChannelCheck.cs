using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using Vivarium.Virtio;

namespace Vivarium.Measurements;

/// <summary>A named port of a virtio console and vsock connections, against programs in the guest.</summary>
internal sealed class ChannelCheck
{
    private const int Mib = 16;
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    /// <summary>A listener in Perl, as busybox knows no vsock: it sends back all it reads.</summary>
    private const string Echo =
        "(perl -e 'socket(S,40,1,0)||die; bind(S,pack(\"SSLLx4\",40,0,700,4294967295))||die \"$!\"; listen(S,5); while(accept(C,S)){while(sysread(C,$b,65536)){$o=0;while($o<length $b){$o+=syswrite(C,$b,length($b)-$o,$o)}}close C}' &)";

    private const string Connect =
        "perl -e 'socket(S,40,1,0)||die; connect(S,pack(\"SSLLx4\",40,0,701,2))||die \"$!\"; syswrite(S,\"from the guest\"); shutdown(S,1); sysread(S,$b,100); print $b'";

    private VirtioConsole? _console;
    private VirtioVsock? _vsock;

    public void Configure(VirtualMachineBuilder builder) => builder
        .AddVirtioConsole(
            new VirtioConsoleOptions { Columns = 111, Rows = 33, Ports = [new VirtioConsolePortOptions(), new VirtioConsolePortOptions { Name = "agent", IsConsole = false }] },
            device => _console = device)
        .AddVirtioVsock(created: device => _vsock = device);

    public async Task RunAsync(DeviceGuest guest, Report report)
    {
        var port = _console!.Ports[1];
        var name = await guest.MustAsync("cat /sys/class/virtio-ports/vport*p1/name; (cat /dev/vport*p1 > /tmp/in &)");
        var data = RandomNumberGenerator.GetBytes(1 << 20);
        var isOpen = await UntilAsync(() => port.IsOpen);
        await port.Input.WriteAsync(data);
        await guest.MustAsync($"for i in $(seq 600); do [ $(stat -c %s /tmp/in) = {data.Length} ] && break; sleep 0.1; done; killall cat 2>/dev/null; true");
        var sum = await guest.MustAsync("sha256sum < /tmp/in");
        var reading = ReadAsync(port.Output, data.Length);
        await guest.MustAsync("tee /dev/vport*p1 < /tmp/in > /dev/null");
        var returned = await reading.WaitAsync(s_patience);
        var isSame = sum.StartsWith(Convert.ToHexStringLower(SHA256.HashData(data)), StringComparison.Ordinal) && data.AsSpan().SequenceEqual(returned.ToArray());
        report.Add(isSame && isOpen && name.Contains("agent", StringComparison.Ordinal), "console: a named port, 1 MiB to the guest and back", "the same", name.Split('\n')[0].Trim());
        _console.Resize(123, 45);
        var size = await guest.MustAsync("for i in $(seq 100); do [ \"$(stty size < /dev/hvc0)\" = '45 123' ] && break; sleep 0.1; done; stty size < /dev/hvc0");
        report.Add(size is "45 123", "console: its new size in the guest", "45 123", size);

        await guest.RunAsync(Echo);
        data = RandomNumberGenerator.GetBytes(Mib << 20);
        await using var stream = await ConnectAsync(_vsock!, 700);
        var watch = Stopwatch.StartNew();
        reading = ReadAsync(stream, data.Length);
        await stream.WriteAsync(data);
        var back = await reading.WaitAsync(s_patience);
        report.Add(data.AsSpan().SequenceEqual(back.ToArray()), "vsock: the host connects, the guest sends all back", "the same", $"{2 * Mib / watch.Elapsed.TotalSeconds:F0} MiB/s");

        using var listener = _vsock!.Listen(701);
        var accepting = AnswerAsync(listener);
        var answer = await guest.MustAsync(Connect);
        report.Add(answer == "answer to 'from the guest'" && await accepting, "vsock: the guest connects, and both sides end", "answered", answer);
        var refused = await guest.RunAsync(Connect.Replace("701", "702", StringComparison.Ordinal));
        report.Add(refused.Contains("reset", StringComparison.OrdinalIgnoreCase), "vsock: a port that nobody listens to", "refused", refused.Trim());
    }

    private static async Task<bool> UntilAsync(Func<bool> condition)
    {
        var watch = Stopwatch.StartNew();
        while (!condition() && watch.Elapsed < s_patience)
        {
            await Task.Delay(20);
        }

        return condition();
    }

    /// <summary>Connects as soon as the guest's server listens.</summary>
    private static async Task<Stream> ConnectAsync(VirtioVsock vsock, uint port)
    {
        var watch = Stopwatch.StartNew();
        while (true)
        {
            try
            {
                return await vsock.ConnectAsync(port).WaitAsync(s_patience);
            }
            catch (IOException) when (watch.Elapsed < s_patience)
            {
                await Task.Delay(100);
            }
        }
    }

    private static async Task<bool> AnswerAsync(VsockListener listener)
    {
        await using var stream = await listener.AcceptAsync();
        var text = new StreamReader(stream, Encoding.ASCII);
        var said = await text.ReadToEndAsync();
        await stream.WriteAsync(Encoding.ASCII.GetBytes($"answer to '{said}'"));
        return true;
    }

    private static async Task<List<byte>> ReadAsync(Stream stream, int count)
    {
        var all = new List<byte>(count);
        var buffer = new byte[1 << 16];
        while (all.Count < count && await stream.ReadAsync(buffer) is var read and > 0)
        {
            all.AddRange(buffer.AsSpan(0, read));
        }

        return all;
    }
}
