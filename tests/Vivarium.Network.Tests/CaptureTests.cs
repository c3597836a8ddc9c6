using System.Buffers.Binary;
using System.Diagnostics;

namespace Vivarium.Network.Tests;

public sealed class CaptureTests : IDisposable
{
    private readonly VirtualSwitch _switch = new(new ManualTime());
    private readonly string _file = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName() + ".pcapng");

    public void Dispose()
    {
        _switch.Dispose();
        File.Delete(_file);
    }

    [Fact]
    public void A_capture_has_every_frame_with_its_direction()
    {
        var (one, two) = (new Station(_switch, 1), new Station(_switch, 2));
        using var stream = new MemoryStream();
        using (one.Port.Capture(stream))
        {
            one.SendTo(two, 1, 2, 3);
            two.SendTo(one, 4);
        }

        one.SendTo(two, 5);
        var blocks = Blocks(stream.ToArray());
        Assert.Equal([0x0A0D_0D0Au, 1u, 6u, 6u], blocks.Select(block => block.Type));
        Assert.Equal(17, BinaryPrimitives.ReadInt32LittleEndian(blocks[2].Body.AsSpan(12)));
        Assert.Equal([1, 2, 3], blocks[2].Body[34..37]);
        Assert.Equal([2, 0, 4, 0, 1, 0, 0, 0, 0, 0, 0, 0], blocks[2].Body[40..52]);
        Assert.Equal(2, blocks[3].Body[^8]);
    }

    [Fact]
    public void A_stream_that_fails_ends_its_capture_and_nothing_else()
    {
        var (one, two) = (new Station(_switch, 1), new Station(_switch, 2));
        var stream = new MemoryStream();
        var capture = one.Port.Capture(stream);
        stream.Dispose();
        one.SendTo(two, 1);
        capture.Dispose();
        Assert.NotNull(capture.Failure);
        one.SendTo(two, 1);
        Assert.Equal(2, two.Receive().Count);
    }

    [Fact]
    public void Tshark_reads_a_capture_without_complaint()
    {
        Assert.SkipUnless(Find("tshark") is not null, "tshark is not installed: the capture was not read by it.");
        var (one, two) = (new Station(_switch, 1, capabilities: FrameCapabilities.All), new Station(_switch, 2, capabilities: FrameCapabilities.All));
        using (var stream = File.Create(_file))
        using (one.Port.Capture(stream))
        {
            foreach (var v6 in (bool[])[false, true])
            {
                one.Send(Packets.Partial(v6, 17, [1, 2, 3], two.Address, one.Address), Offload(v6, 17));
                two.Send(Packets.Partial(v6, 6, new byte[1_000], one.Address, two.Address), Offload(v6, 6));
            }

            one.Send(Station.Frame(two.Address, one.Address, Packets.Ip4(2, [10, 0, 0, 1], [239, 1, 1, 1], Packets.Igmp(0x16, [239, 1, 1, 1]), 1), 0x0800));
        }

        Assert.Equal("5", Tshark("-Y", "frame.interface_name == \"port1\" && !(ip.checksum.status == \"Bad\")").Count(line => line.Length > 0).ToString());
        Assert.Empty(Tshark("-Y", "_ws.malformed || tcp.checksum.status == \"Bad\" || udp.checksum.status == \"Bad\" || igmp.checksum.status == \"Bad\""));
    }

    private string[] Tshark(params string[] arguments)
    {
        var start = new ProcessStartInfo("tshark", ["-r", _file, "-o", "tcp.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE", .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, errors.Result);
        return output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

    private static FrameOffload Offload(bool v6, byte protocol) =>
        new() { NeedsChecksum = true, ChecksumStart = (ushort)(v6 ? 54 : 34), ChecksumOffset = (ushort)(protocol == 6 ? 16 : 6) };

    private static string? Find(string tool) =>
        (Environment.GetEnvironmentVariable("PATH") ?? string.Empty).Split(Path.PathSeparator).Select(folder => Path.Combine(folder, tool)).FirstOrDefault(File.Exists);

    private static List<(uint Type, byte[] Body)> Blocks(byte[] file)
    {
        var blocks = new List<(uint, byte[])>();
        for (var at = 0; at < file.Length;)
        {
            var length = BinaryPrimitives.ReadInt32LittleEndian(file.AsSpan(at + 4));
            Assert.Equal(0, length % 4);
            Assert.Equal(length, BinaryPrimitives.ReadInt32LittleEndian(file.AsSpan(at + length - 4)));
            blocks.Add((BinaryPrimitives.ReadUInt32LittleEndian(file.AsSpan(at)), file[(at + 8)..(at + length - 4)]));
            at += length;
        }

        return blocks;
    }
}
