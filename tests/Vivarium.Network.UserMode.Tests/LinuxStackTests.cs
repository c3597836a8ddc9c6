using System.Diagnostics;
using System.Net;
using System.Security.Cryptography;

namespace Vivarium.Network.UserMode.Tests;

/// <summary>
/// The gateway against the host's own Linux: in a network namespace of its own, a TAP device is bridged to a socket port of the switch, so that
/// the kernel's stack is the guest. Needs root, a TAP device and Python; where these are missing the tests are skipped.
/// </summary>
public sealed class LinuxStackTests : IDisposable
{
    private const string Bridge = """
        import fcntl, os, socket, struct, subprocess, sys, threading
        tap = os.open('/dev/net/tun', os.O_RDWR)
        fcntl.ioctl(tap, 0x400454ca, struct.pack('16sH22s', b'tap0', 0x1002, b''))
        peer = socket.socket(socket.AF_UNIX)
        peer.connect(sys.argv[1])
        def up():
            while True:
                frame = os.read(tap, 70000)
                peer.sendall(struct.pack('>I', len(frame)) + frame)
        def down():
            stream = peer.makefile('rb', 1 << 20)
            while True:
                head = stream.read(4)
                if len(head) < 4:
                    return
                os.write(tap, stream.read(struct.unpack('>I', head)[0]))
        for side in (up, down):
            threading.Thread(target=side, daemon=True).start()
        subprocess.run('ip link set lo up; ip link set tap0 up', shell=True, check=True)
        code = subprocess.call(['sh', '-c', sys.argv[2]])
        sys.stdout.flush()
        os._exit(code)
        """;

    private const string StaticAddress = "ip addr add 10.0.2.15/24 dev tap0 && ip route add default via 10.0.2.2 && ";

    private readonly VirtualSwitch _switch = new(TimeProvider.System);
    private readonly string _folder = Directory.CreateTempSubdirectory("vivarium-linux").FullName;
    private readonly SocketHub _hub;

    public LinuxStackTests()
    {
        _hub = new SocketHub(_switch, Path.Combine(_folder, "hub"), new SwitchPortOptions { Name = "linux" });
        File.WriteAllText(Path.Combine(_folder, "bridge.py"), Bridge);
    }

    public void Dispose()
    {
        _hub.Dispose();
        _switch.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(0.01)]
    public async Task Bytes_pass_both_ways(double loss)
    {
        Require();
        using var gateway = new UserModeGateway(_switch);
        gateway.Port.SendFaults = loss > 0 ? new LinkFaults { Seed = 3, Loss = loss, Reordering = 0.01, ReorderDelay = TimeSpan.FromMilliseconds(2) } : null;
        gateway.Port.ReceiveFaults = loss > 0 ? new LinkFaults { Seed = 4, Loss = loss, Duplication = 0.01 } : null;
        using var listener = gateway.Listen(80);
        var data = RandomNumberGenerator.GetBytes(10_000_000);
        var serving = Task.Run(async () =>
        {
            using var stream = await listener.AcceptAsync();
            var received = new MemoryStream();
            var read = stream.CopyToAsync(received);
            await stream.WriteAsync(data);

            // The client ends with the last byte of this side, and what it still had to send would end with it.
            await read;
            ((GuestStream)stream).CloseWrite();
            return received.ToArray();
        });
        const string client = """
            import socket, hashlib, threading
            s = socket.create_connection(('10.0.2.2', 80))
            def send():
                s.sendall(bytes(range(256)) * 30000)
                s.shutdown(socket.SHUT_WR)
            t = threading.Thread(target=send); t.start()
            h = hashlib.sha256()
            while True:
                b = s.recv(1 << 20)
                if not b: break
                h.update(b)
            t.join()
            print(h.hexdigest())
            """;
        var output = await RunAsync(StaticAddress + Python(client));
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(data)), output.Trim());
        Assert.Equal(Enumerable.Range(0, 256 * 30_000).Select(i => (byte)i).ToArray(), await serving.WaitAsync(TimeSpan.FromSeconds(30)));
    }

    [Fact]
    public async Task Linux_finds_its_ipv6_address_and_its_server_is_reached()
    {
        Require();
        using var gateway = new UserModeGateway(_switch);
        using var listener = gateway.Listen(new IPEndPoint(gateway.Address6!, 80));
        var accepting = listener.AcceptAsync();
        const string script = """
            import socket, time, http.server, threading
            for i in range(500):
                try:
                    s = socket.create_connection(('fd00:766d::2', 80), 5); break
                except OSError:
                    time.sleep(0.02)
            s.sendall(b'hello')
            class H(http.server.BaseHTTPRequestHandler):
                def do_GET(self):
                    self.send_response(200); self.send_header('Content-Length', '300000'); self.end_headers(); self.wfile.write(b'x' * 300000)
                def log_message(self, *a): pass
            server = http.server.HTTPServer(('10.0.2.15', 8000), H)
            threading.Thread(target=server.serve_forever, daemon=True).start()
            s.sendall(b'serve')
            s.recv(1)
            """;
        var running = RunAsync(StaticAddress + Python(script));
        var first = await Task.WhenAny(accepting, running);
        Assert.True(first == accepting, first == running ? await running : null);
        using var stream = await accepting;
        var text = new byte[10];
        await stream.ReadExactlyAsync(text);
        Assert.Equal("helloserve", System.Text.Encoding.ASCII.GetString(text));
        using var client = gateway.CreateHttpClient();
        for (var i = 0; i < 5; i++)
        {
            Assert.Equal(new string('x', 300_000), await client.GetStringAsync("http://10.0.2.15:8000/"));
        }

        stream.Dispose();
        await running;
    }

    [Fact]
    public async Task Busybox_gets_its_address_and_resolves_a_name()
    {
        Require();
        Assert.SkipUnless(File.Exists("/usr/bin/busybox") || File.Exists("/bin/busybox"), "busybox is not installed: its DHCP client was not tried.");
        using var gateway = new UserModeGateway(_switch);
        gateway.AddName("server", IPAddress.Parse("10.0.2.77"));
        var script = Path.Combine(_folder, "lease.sh");
        File.WriteAllText(script, "#!/bin/sh\n[ \"$1\" = bound ] && ip addr add $ip/$mask dev $interface && ip route add default via $router && echo $ip $router $dns $domain\nexit 0\n");
        var output = await RunAsync($"chmod +x {script} && busybox udhcpc -i tap0 -f -q -n -x hostname:anna -s {script} 2>&1 && busybox nslookup server.vivarium.internal 10.0.2.3 && busybox ping -c 2 10.0.2.2");
        Assert.Contains("10.0.2.15 10.0.2.2 10.0.2.3 vivarium.internal", output, StringComparison.Ordinal);
        Assert.Contains("10.0.2.77", output, StringComparison.Ordinal);
        Assert.Contains("2 packets received", output, StringComparison.Ordinal);
        Assert.Equal("anna", Assert.Single(gateway.Leases).Name);
    }

    private static string Python(string script) => $"python3 - <<'E'\n{script}\nE";

    private async Task<string> RunAsync(string command)
    {
        var start = new ProcessStartInfo("unshare", ["-n", "python3", Path.Combine(_folder, "bridge.py"), Path.Combine(_folder, "hub"), command])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var process = Process.Start(start)!;
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        try
        {
            var errors = process.StandardError.ReadToEndAsync(limit.Token);
            var output = await process.StandardOutput.ReadToEndAsync(limit.Token);
            await process.WaitForExitAsync(limit.Token);
            Assert.True(process.ExitCode == 0, await errors + output);
            return output;
        }
        finally
        {
            process.Kill(entireProcessTree: true);
        }
    }

    private static void Require()
    {
        var can = Environment.IsPrivilegedProcess && File.Exists("/dev/net/tun") && Has("unshare") && Has("python3") && Has("ip") && CanUnshare();
        Assert.SkipUnless(can, "Needs root, /dev/net/tun, unshare, ip and python3: the gateway was not tried against Linux.");
    }

    private static bool Has(string tool) =>
        (Environment.GetEnvironmentVariable("PATH") ?? string.Empty).Split(Path.PathSeparator).Any(folder => File.Exists(Path.Combine(folder, tool)));

    private static bool CanUnshare()
    {
        using var process = Process.Start(new ProcessStartInfo("unshare", ["-n", "true"]) { RedirectStandardError = true })!;
        process.WaitForExit();
        return process.ExitCode == 0;
    }
}
