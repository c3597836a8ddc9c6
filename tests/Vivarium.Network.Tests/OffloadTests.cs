using System.Buffers.Binary;
using FsCheck.Xunit;

namespace Vivarium.Network.Tests;

public sealed class OffloadTests : IDisposable
{
    private readonly VirtualSwitch _switch = new(new ManualTime());

    public void Dispose() => _switch.Dispose();

    [Theory]
    [InlineData(false, 6)]
    [InlineData(true, 6)]
    [InlineData(false, 17)]
    [InlineData(true, 17)]
    public void Large_frames_are_cut_for_those_who_cannot(bool v6, byte protocol)
    {
        var (sender, plain) = Pair(FrameCapabilities.None);
        var payload = Payload(60_000);
        var frame = Packets.Partial(v6, protocol, payload, plain.Address, sender.Address);
        sender.Send(frame, Offload(v6, protocol, segment: 1_400));
        var pieces = plain.ReceiveFrames();
        var headers = frame.Length - payload.Length;
        Assert.Equal(43, pieces.Count);
        Assert.All(pieces, piece => Assert.True(Packets.IsWhole(piece.Data)));
        Assert.All(pieces, piece => Assert.False(piece.Offload.NeedsWork));
        Assert.Equal(payload, pieces.SelectMany(piece => piece.Data[headers..]));
        if (protocol == 6)
        {
            var flagsAt = headers - 20 + 13;
            Assert.Equal([0x90, 0x10, 0x10], pieces.Take(3).Select(piece => (int)piece.Data[flagsAt]));
            Assert.Equal(0x19, pieces[^1].Data[flagsAt]);
            Assert.Equal(
                Enumerable.Range(0, 43).Select(i => unchecked(0xFFFF_FF00 + (uint)(i * 1_400))),
                pieces.Select(piece => BinaryPrimitives.ReadUInt32BigEndian(piece.Data.AsSpan(headers - 16))));
        }
    }

    [Theory]
    [InlineData(false, 6)]
    [InlineData(true, 17)]
    public void Large_frames_pass_whole_to_those_who_can(bool v6, byte protocol)
    {
        var (sender, able) = Pair(FrameCapabilities.All);
        var frame = Packets.Partial(v6, protocol, Payload(60_000), able.Address, sender.Address);
        var offload = Offload(v6, protocol, segment: 1_400);
        sender.Send(frame, offload);
        var (data, received) = Assert.Single(able.ReceiveFrames());
        Assert.Equal(frame, data);
        Assert.Equal(offload, received);
    }

    [Property(MaxTest = 100)]
    public void Checksums_are_completed(byte[] payload, bool v6, bool tcp)
    {
        var (sender, plain) = Pair(FrameCapabilities.None);
        var protocol = tcp ? (byte)6 : (byte)17;
        sender.Send(Packets.Partial(v6, protocol, payload, plain.Address, sender.Address), Offload(v6, protocol, segment: 0));
        Assert.True(Packets.IsWhole(Assert.Single(plain.Receive())));
        sender.Port.Dispose();
        plain.Port.Dispose();
    }

    [Fact]
    public void Offsets_move_with_a_tag()
    {
        var sender = new Station(_switch, 1);
        var trunk = new Station(_switch, 2, new SwitchPortOptions { Vlans = VlanMembership.Trunk([1]) });
        sender.Send(Packets.Partial(false, 17, [1, 2, 3], trunk.Address, sender.Address), Offload(false, 17, segment: 0));
        var frame = Assert.Single(trunk.Receive());
        Assert.Equal([0x81, 0x00, 0x00, 0x01], frame[12..16]);
        Assert.True(Packets.IsWhole([.. frame[..12], .. frame[16..]]));
    }

    [Property(MaxTest = 2_000)]
    public void Whatever_a_guest_says_of_a_frame_nothing_breaks(byte[] noise, ushort start, ushort offset, ushort segment, byte kind, bool v6, bool tcp)
    {
        var (sender, plain) = Pair(FrameCapabilities.None);
        var frame = Packets.Partial(v6, tcp ? (byte)6 : (byte)17, Payload(200), plain.Address, sender.Address);
        for (var i = 0; i + 1 < noise.Length; i += 2)
        {
            frame[12 + (noise[i] % (frame.Length - 12))] = noise[i + 1];
        }

        var offload = new FrameOffload
        {
            NeedsChecksum = kind % 2 == 0,
            Segmentation = (SegmentationKind)(kind / 2 % 7),
            ChecksumStart = (ushort)(start % 300),
            ChecksumOffset = (ushort)(offset % 300),
            SegmentBytes = (ushort)(segment % 300),
        };
        sender.Send(frame, offload);
        Assert.InRange(plain.Receive().Count, 0, 7);
        sender.Port.Dispose();
        plain.Port.Dispose();
    }

    [Property(MaxTest = 500)]
    public bool The_fast_checksum_is_the_plain_one(byte[] data, byte skip)
    {
        var part = data[Math.Min(skip % 9, data.Length)..];
        return InternetChecksum.Finish(InternetChecksum.Add(0, part)) == (ushort)~Packets.Sum(part);
    }

    private (Station Sender, Station Receiver) Pair(FrameCapabilities capabilities)
    {
        var receiver = new Station(_switch, 2, capabilities: capabilities);
        receiver.Announce();
        return (new Station(_switch, 1, capabilities: FrameCapabilities.All), receiver);
    }

    private static byte[] Payload(int length) => [.. Enumerable.Range(0, length).Select(i => (byte)(i * 7 / 3))];

    private static FrameOffload Offload(bool v6, byte protocol, int segment) => new()
    {
        NeedsChecksum = true,
        ChecksumStart = (ushort)(v6 ? 54 : 34),
        ChecksumOffset = (ushort)(protocol == 6 ? 16 : 6),
        SegmentBytes = (ushort)segment,
        HeaderBytes = (ushort)((v6 ? 54 : 34) + (protocol == 6 ? 20 : 8)),
        Segmentation = segment == 0 ? SegmentationKind.None : protocol == 17 ? SegmentationKind.Udp : v6 ? SegmentationKind.Tcp6 : SegmentationKind.Tcp4,
    };
}
