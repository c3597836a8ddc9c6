using System.Text;
using FsCheck;
using FsCheck.Xunit;

namespace Vivarium.Debugging.Tests;

/// <summary>Packets: their frames, and whatever else comes over the wire.</summary>
public sealed class PacketTests
{
    private static List<(PacketEvent Event, string Payload)> Read(PacketReader reader, string bytes)
    {
        var events = new List<(PacketEvent, string)>();
        foreach (var value in Encoding.Latin1.GetBytes(bytes))
        {
            if (reader.Push(value) is var packetEvent and not PacketEvent.None)
            {
                events.Add((packetEvent, packetEvent == PacketEvent.Packet ? Encoding.Latin1.GetString(reader.Payload.Span) : ""));
            }
        }

        return events;
    }

    [Theory]
    [InlineData("$OK#9a", "OK")]
    [InlineData("$#00", "")]
    [InlineData("xyz$g#67", "g")]
    [InlineData("$a}\u0003b#43", "a#b")]
    [InlineData("$cut$g#67", "g")]
    [InlineData("$m0,4#FD", "m0,4")]
    public void A_packet_is_what_stands_between(string bytes, string payload) =>
        Assert.Equal([(PacketEvent.Packet, payload)], Read(new PacketReader(), bytes));

    [Theory]
    [InlineData("$OK#9b")]
    [InlineData("$OK#xy")]
    [InlineData("$OK#9x")]
    [InlineData("$OK#$$")]
    public void A_wrong_checksum_is_a_damaged_packet(string bytes) =>
        Assert.Equal(PacketEvent.Damaged, Assert.Single(Read(new PacketReader(), bytes)).Event);

    [Fact]
    public void Signs_between_packets_are_told() =>
        Assert.Equal(
            [PacketEvent.Acknowledged, PacketEvent.Interrupt, PacketEvent.Refused, PacketEvent.Packet],
            Read(new PacketReader(), "+\u0003-$g#67").Select(each => each.Event));

    [Fact]
    public void Without_acknowledgements_checksums_do_not_matter() =>
        Assert.Equal([(PacketEvent.Packet, "g")], Read(new PacketReader { VerifiesChecksums = false }, "$g#00"));

    [Fact]
    public void A_packet_without_end_takes_no_more_room()
    {
        var reader = new PacketReader();
        reader.Push((byte)'$');
        for (var i = 0; i < 1_000_000; i++)
        {
            Assert.Equal(PacketEvent.None, reader.Push((byte)'a'));
        }

        Assert.Equal(PacketReader.MaxPacketBytes, reader.Payload.Length);
        Assert.Equal([PacketEvent.TooLong, PacketEvent.Packet], Read(reader, $"#{1_000_000 * 'a' % 256:x2}$g#67").Select(each => each.Event));
    }

    [Property]
    public bool What_is_written_is_read(byte[] bytes)
    {
        var text = Encoding.Latin1.GetString(bytes);
        return Read(new PacketReader(), Encoding.Latin1.GetString(PacketWriter.Frame(text))).SequenceEqual([(PacketEvent.Packet, text)]);
    }

    [Property(MaxTest = 1000)]
    public bool After_any_noise_a_packet_is_read(byte[] noise)
    {
        // Two frames: the first may be the end of what the noise began.
        var events = Read(new PacketReader(), Encoding.Latin1.GetString(noise) + "#00$g#67");
        return events[^1] == (PacketEvent.Packet, "g");
    }

    [Theory]
    [InlineData("0", true, 0UL, "")]
    [InlineData("ffffffffffffffff,", true, ulong.MaxValue, ",")]
    [InlineData("00000000000000000001x", true, 1UL, "x")]
    [InlineData("10000000000000000", false, 0UL, null)]
    [InlineData("", false, 0UL, null)]
    [InlineData("-1", false, 0UL, null)]
    public void Numbers_have_sixteen_digits(string text, bool isNumber, ulong expected, string? rest)
    {
        var packet = new PacketText(Encoding.Latin1.GetBytes(text));
        Assert.Equal(isNumber, packet.TryTakeNumber(out var value));
        if (isNumber)
        {
            Assert.Equal((expected, rest), (value, Encoding.Latin1.GetString(packet.Rest)));
        }
    }
}
