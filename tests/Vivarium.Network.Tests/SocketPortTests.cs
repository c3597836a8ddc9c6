using System.Buffers.Binary;
using System.Diagnostics;
using System.Net.Sockets;
using FsCheck.Xunit;

namespace Vivarium.Network.Tests;

public sealed class SocketPortTests : IDisposable
{
    private readonly VirtualSwitch _switch = new(TimeProvider.System);
    private readonly string _folder = Directory.CreateTempSubdirectory("vivarium-net").FullName;

    public void Dispose()
    {
        _switch.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private string PathOf(string name) => Path.Combine(_folder, name);

    [Fact]
    public async Task Two_switches_are_one_over_a_stream()
    {
        using var other = new VirtualSwitch(TimeProvider.System);
        using var hub = new SocketHub(_switch, PathOf("hub"));
        using var joined = await SocketPort.ConnectAsync(other, PathOf("hub"));
        var (here, there) = (new Station(_switch, 1), new Station(other, 2));
        await Until(() => hub.Ports.Count == 1);
        for (var i = 0; i < 500; i++)
        {
            here.SendTo(there, [(byte)i, .. new byte[i]]);
        }

        await Until(() => there.Queue.Count == 500);
        Assert.Equal(Enumerable.Range(0, 500).Select(i => (i + 1, (byte)i)), there.Payloads().Select(payload => (payload.Length, payload[0])));
        there.SendTo(here, 9);
        await Until(() => here.Queue.Count == 1);

        joined.Dispose();
        await joined.Completion;
        await Until(() => hub.Ports.Count == 0 && _switch.Ports.Count == 1);
    }

    [Fact]
    public async Task Datagrams_are_frames()
    {
        using var other = new VirtualSwitch(TimeProvider.System);
        using var one = SocketPort.OpenDatagram(_switch, PathOf("a"), PathOf("b"));
        using var two = SocketPort.OpenDatagram(other, PathOf("b"), PathOf("a"));
        var (here, there) = (new Station(_switch, 1), new Station(other, 2));
        here.SendTo(there, 1, 2, 3);
        await Until(() => there.Queue.Count == 1);
        there.SendTo(here, 4);
        await Until(() => here.Queue.Count == 1);
        Assert.Equal([4], here.Payloads()[0]);
        Assert.Throws<IOException>(() => SocketPort.OpenDatagram(_switch, PathOf("a"), PathOf("c")));
    }

    [Fact]
    public async Task A_peer_that_speaks_nonsense_is_cut_off()
    {
        using var hub = new SocketHub(_switch, PathOf("hub"));
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(PathOf("hub")));
        await Until(() => hub.Ports.Count == 1);
        await socket.SendAsync(new byte[] { 0, 0, 0, 0, 0, 0, 0, 1, 5, 0xFF, 0, 0, 0 });
        await Until(() => hub.Ports.Count == 0);
        Assert.Equal(0, await socket.ReceiveAsync(new byte[1]));
        Assert.Contains("'" + PathOf("hub") + "'", Assert.Throws<IOException>(() => new SocketHub(_switch, PathOf("hub"))).Message, StringComparison.Ordinal);
        Assert.Contains("start the other side", (await Assert.ThrowsAsync<IOException>(() => SocketPort.ConnectAsync(_switch, PathOf("none")))).Message, StringComparison.Ordinal);
    }

    [Property(MaxTest = 500)]
    public void Framing_takes_what_is_whole_and_refuses_what_is_none(byte[] data)
    {
        try
        {
            if (SocketFraming.TryRead(data, out var length))
            {
                Assert.Equal(BinaryPrimitives.ReadUInt32BigEndian(data), (uint)length);
                Assert.InRange(length, 0, data.Length - 4);
            }
        }
        catch (InvalidDataException)
        {
            Assert.True(BinaryPrimitives.ReadUInt32BigEndian(data) > EthernetFrame.MaxLengthBytes);
        }
    }

    /// <summary>QEMU's own hub carries frames between two of its back ends: ours is at one, and a station of ours at the other.</summary>
    [Fact]
    public async Task Qemu_speaks_the_same_protocol()
    {
        const string qemu = "/usr/bin/qemu-system-x86_64";
        Assert.SkipUnless(File.Exists(qemu), $"{qemu} is not installed: the protocol was not tried against QEMU.");
        using var other = new VirtualSwitch(TimeProvider.System);
        using var hub = new SocketHub(_switch, PathOf("hub"));
        using var datagrams = SocketPort.OpenDatagram(other, PathOf("ours"), PathOf("qemus"));
        var start = new ProcessStartInfo(qemu,
        [
            "-M", "none", "-nodefaults", "-display", "none", "-monitor", "none",
            "-netdev", $"stream,id=a,server=off,addr.type=unix,addr.path={PathOf("hub")}",
            "-netdev", $"dgram,id=b,local.type=unix,local.path={PathOf("qemus")},remote.type=unix,remote.path={PathOf("ours")}",
            "-netdev", "hubport,id=h1,hubid=0,netdev=a", "-netdev", "hubport,id=h2,hubid=0,netdev=b",
        ])
        {
            RedirectStandardError = true,
        };
        using var process = Process.Start(start)!;
        try
        {
            await Until(() => hub.Ports.Count == 1 && File.Exists(PathOf("qemus")), process);
            var (here, there) = (new Station(_switch, 1), new Station(other, 2));
            for (var i = 0; i < 20; i++)
            {
                here.SendTo(there, [(byte)i, .. new byte[60 * i]]);
                await Until(() => there.Queue.Count == 1, process);
                Assert.Equal(1 + (60 * i), there.Payloads()[0].Length);
                there.SendTo(here, (byte)i, 7);
                await Until(() => here.Queue.Count == 1, process);
                Assert.Equal([(byte)i, 7], here.Payloads()[0]);
            }
        }
        finally
        {
            process.Kill();
            await process.WaitForExitAsync();
        }
    }

    private static async Task Until(Func<bool> condition, Process? process = null)
    {
        for (var i = 0; i < 1_000 && !condition(); i++)
        {
            Assert.True(process is not { HasExited: true }, process is { HasExited: true } ? process.StandardError.ReadToEnd() : null);
            await Task.Delay(10);
        }

        Assert.True(condition());
    }
}
