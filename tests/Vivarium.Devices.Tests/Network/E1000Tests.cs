using System.Buffers.Binary;
using FsCheck;
using FsCheck.Xunit;
using Vivarium.Devices.Tests.Fakes;

namespace Vivarium.Devices.Tests.Network;

public sealed class E1000Tests
{
    private const byte End = 1;
    private const byte Report = 8;
    private const byte Extended = 0x20;
    private const uint Data = 1 << 20;
    private static readonly byte[] s_own = [0x02, 0, 0, 0, 0, 1];
    private static readonly byte[] s_other = [0x02, 0, 0, 0, 0, 2];

    [Fact]
    public void The_EEPROM_is_read_by_wire_and_by_register()
    {
        var driver = Create();
        var words = Enumerable.Range(0, 64).Select(address => ReadWord(driver, address)).ToArray();
        Assert.Equal(0xBABA, words.Sum(word => word) & 0xFFFF);
        Assert.Equal([0x0002, 0x0000, 0x0100], words.Take(3).Select(word => (int)word));
        Assert.Equal(0x100E, words[0x0D]);
        driver.Write(0x14, (0x0E << 8) | 1);
        Assert.Equal(0x8086_0010u, driver.Read(0x14) & 0xFFFF_00FF);
    }

    [Fact]
    public void The_PHY_is_a_Marvell_one_with_a_link()
    {
        var driver = Create();
        Assert.Equal(0x0141, ReadPhy(driver, 2));
        Assert.Equal(0x0C20, ReadPhy(driver, 3));
        Assert.Equal(4 | 0x20, ReadPhy(driver, 1) & 0x24);
        driver.Begin();
        driver.Device.IsLinkUp = false;
        driver.RunAll();
        Assert.True(driver.Pin);
        Assert.Equal(4u, driver.Read(0xC0));
        Assert.False(driver.Pin);
        Assert.Equal(0, ReadPhy(driver, 1) & 4);
        Assert.Equal(0u, driver.Read(0x08) & 2);
        driver.Write(0x20, (2u << 26) | (5u << 21) | (1 << 16));
        Assert.NotEqual(0u, driver.Read(0x20) & (1 << 30));
    }

    [Fact]
    public void A_legacy_frame_goes_out_whole()
    {
        var driver = Create().Begin();
        var frame = Frame(100, 1);
        driver.Put(frame[..40], 0);
        driver.Put(frame[40..], End | Report);
        driver.Kick();
        Assert.Equal(frame, Assert.Single(driver.Sent).Data);
        Assert.Equal(1, driver.Memory.Bytes[(int)E1000Driver.TransmitRing + 16 + 12] & 1);
        Assert.Equal(3u, driver.Read(0xC0) & 3);
        Assert.Equal(2u, driver.Read(0x3810));
        Assert.Equal(1u, driver.Read(0x4080));
        Assert.Equal(0u, driver.Read(0x4080));
    }

    [Fact]
    public void A_checksum_is_left_to_the_network()
    {
        var driver = Create().Begin();
        driver.PutContext(Context(14, 24, 34, 40, command: Extended, segmentBytes: 0, headerBytes: 0, payloadBytes: 0));
        driver.Put(Frame(100, 1), End | Extended, extended: Data, options: 2);
        driver.Kick();
        Assert.Equal(new FrameOffload { NeedsChecksum = true, ChecksumStart = 34, ChecksumOffset = 6 }, Assert.Single(driver.Sent).Offload);
    }

    [Fact]
    public void A_frame_to_be_cut_has_its_lengths_and_sums_filled_in()
    {
        var driver = Create().Begin();
        byte[] ip = [0x45, 0, 0, 0, 0, 7, 0x40, 0, 64, 6, 0, 0, 10, 0, 2, 15, 10, 0, 2, 2];
        byte[] frame = [.. s_other, .. s_own, 8, 0, .. ip, .. new byte[12], 0x50, 0x10, .. new byte[6], .. new byte[4_000]];
        driver.PutContext(Context(14, 24, 34, 50, command: Extended | 4 | 2 | 1, segmentBytes: 1460, headerBytes: 54, payloadBytes: 4_000));
        driver.Put(frame, End | Extended | 4, extended: Data, options: 3);
        driver.Kick();
        var (data, offload) = Assert.Single(driver.Sent);
        Assert.Equal(SegmentationKind.Tcp4, offload.Segmentation);
        Assert.Equal(1460, offload.SegmentBytes);
        Assert.Equal(4_040, BinaryPrimitives.ReadUInt16BigEndian(data.AsSpan(16)));
        Assert.Equal(0xFFFF, Sum(data.AsSpan(14, 20)));

        // The pseudo header: addresses, protocol, length.
        Assert.Equal(Sum([10, 0, 2, 15, 10, 0, 2, 2, 0, 6, 4_020 >> 8, 4_020 & 0xFF]), BinaryPrimitives.ReadUInt16BigEndian(data.AsSpan(50)));
    }

    [Fact]
    public void Tags_are_put_in_and_taken_off()
    {
        var driver = Create().Begin();
        driver.Write(0x00, 1 << 30);
        driver.Write(0x38, 0x8100);
        var frame = Frame(100, 1);
        driver.Put(frame, End | 0x40, vlan: 7);
        driver.Kick();
        byte[] tagged = [.. frame[..12], 0x81, 0, 0, 7, .. frame[12..]];
        Assert.Equal(tagged, Assert.Single(driver.Sent).Data);
        s_own.CopyTo(tagged, 0);
        driver.Arrive(tagged);
        var (data, status, special) = Assert.Single(driver.TakeReceived());
        Assert.Equal([.. s_own, .. frame[6..]], data);
        Assert.Equal(8, status & 8);
        Assert.Equal(7, special);
    }

    [Fact]
    public void A_frame_fills_as_many_buffers_as_it_needs_and_waits_for_them()
    {
        var driver = Create().Begin(2 | (1 << 5) | (1 << 26), buffers: 2);
        var frame = Frame(5_000, 1);
        driver.Arrive(frame, new FrameOffload { ChecksumValid = true });
        Assert.Empty(driver.TakeReceived());
        Assert.Equal(0x40u, driver.Read(0xC0) & 0xC0);
        driver.Give(1);
        var (data, status, _) = Assert.Single(driver.TakeReceived());
        Assert.Equal(frame, data);
        Assert.Equal(0x63, status);
        Assert.Equal(0x80u, driver.Read(0xC0) & 0x80);
    }

    [Fact]
    public void Short_frames_are_padded_and_a_check_sequence_has_its_place()
    {
        var driver = Create().Begin(2);
        driver.Arrive([.. s_own, .. new byte[20]]);
        Assert.Equal(64, Assert.Single(driver.TakeReceived()).Data.Length);
    }

    [Theory]
    [InlineData(2u, "own")]
    [InlineData(2u | 8, "own other")]
    [InlineData(2u | 16, "own group everybody")]
    [InlineData(2u | (1 << 15), "own everybody")]
    [InlineData(0u, "")]
    public void The_driver_chooses_what_it_wants_to_hear(uint control, string expected)
    {
        var driver = Create().Begin(control);
        Assert.Equal(expected, Heard(driver));
    }

    [Fact]
    public void A_group_is_heard_by_its_place_in_the_table()
    {
        var driver = Create().Begin(2);
        driver.Write(0x5200 + (0x010 / 32 * 4), 1u << (0x010 % 32));
        Assert.Equal("own group", Heard(driver));
    }

    [Fact]
    public void A_reset_by_I_O_ports_forgets_what_was_set_up()
    {
        var driver = Create().Begin();
        driver.Device.WriteBar(1, 0, 4, 0);
        driver.Device.WriteBar(1, 4, 4, 1 << 26);
        Assert.Equal(0u, driver.Read(0x3808));
        Assert.Equal(0u, driver.Read(0xD0));
        Assert.Equal(0x8000_0100u, driver.Read(0x5404));
        driver.Device.ReadBar(1, 4, 4, out var value);
        Assert.Equal(0UL, value);
    }

    [Fact]
    public void Without_bus_mastering_nothing_moves()
    {
        var driver = Create().Begin();
        driver.IsBusMaster = false;
        driver.Put(Frame(60, 1), End);
        driver.Kick();
        driver.Arrive(Frame(60, 2));
        Assert.Empty(driver.Sent);
        Assert.Empty(driver.TakeReceived());
        driver.IsBusMaster = true;
        driver.Device.BusMasterChanged(true);
        driver.RunAll();
        Assert.Single(driver.Sent);
        Assert.Single(driver.TakeReceived());
    }

    [Fact]
    public void A_restored_adapter_goes_on_where_the_saved_one_was()
    {
        var driver = Create().Begin();
        var frame = Frame(100, 1);
        driver.Put(frame[..40], 0);
        driver.Kick();
        driver.Device.Stop();
        var other = new E1000Driver(driver.Memory, new E1000Options { Address = MacAddress.Read(s_own) });
        other.Device.Stop();
        driver.Device.CopyStateTo(other.Device);
        Assert.Equal(driver.Device.SaveToArray(), other.Device.SaveToArray());
        other.Device.Start();

        // The second half comes from the new driver, at the same place in the ring.
        BinaryPrimitives.WriteUInt64LittleEndian(driver.Memory.Bytes.AsSpan((int)E1000Driver.TransmitRing + 16), E1000Driver.TransmitData);
        BinaryPrimitives.WriteUInt32LittleEndian(driver.Memory.Bytes.AsSpan((int)E1000Driver.TransmitRing + 24), 60u | ((uint)End << 24));
        frame[40..].CopyTo(driver.Memory.Bytes, (int)E1000Driver.TransmitData);
        other.Write(0x3818, 2);
        other.RunAll();
        Assert.Equal(frame, Assert.Single(other.Sent).Data);
        other.Arrive([.. s_own, .. new byte[54]]);
        Assert.Single(other.TakeReceived());
    }

    [Property(MaxTest = 200)]
    public void Altered_states_are_refused_or_work(DoNotSize<ushort>[] positions, byte value, int seed)
    {
        var driver = Create().Begin();
        driver.Put(Frame(60, 1), 0);
        driver.Kick();
        var state = driver.Device.SaveToArray();
        foreach (var position in positions)
        {
            state[position.Item % state.Length] = value;
        }

        var other = Create();
        try
        {
            other.Device.Restore(new StateReader("e1000-0", 1, state));
        }
        catch (StateFormatException)
        {
            return;
        }

        Harass(other, new Random(seed), 60);
    }

    [Property(MaxTest = 300)]
    public void Whatever_a_driver_writes_does_no_harm(int seed)
    {
        var driver = Create().Begin();
        Harass(driver, new Random(seed), 200);
    }

    /// <summary>Random registers, mostly those that matter, and noise in the rings.</summary>
    private static void Harass(E1000Driver driver, Random random, int steps)
    {
        uint[] interesting = [0x0, 0x10, 0x14, 0x20, 0x38, 0xC0, 0xC8, 0xD0, 0xD8, 0x100, 0x400, 0x2800, 0x2808, 0x2810, 0x2818, 0x3800, 0x3808, 0x3810, 0x3818];
        for (var i = 0; i < steps; i++)
        {
            random.NextBytes(driver.Memory.Bytes.AsSpan((int)E1000Driver.TransmitRing + random.Next(0x2000), 16));
            var offset = random.Next(4) == 0 ? (uint)random.Next(0x2_0000 - 8) : interesting[random.Next(interesting.Length)];
            var value = random.Next(3) switch
            {
                0 => (uint)random.Next(E1000Driver.RingSize),
                1 => (uint)random.Next(0x4000),
                _ => (uint)random.NextInt64(1L << 32),
            };
            var size = 1 << random.Next(2, 4);
            driver.Device.WriteBar(random.Next(8) == 0 ? 1 : 0, random.Next(8) == 0 ? offset & 7 : offset, random.Next(8) == 0 ? 1 : size, value);
            driver.Device.ReadBar(0, offset, random.Next(8) == 0 ? 2 : 4, out _);
            driver.Arrive(Frame(random.Next(14, 4_000), i));
        }
    }

    private static E1000Driver Create() => new(options: new E1000Options { Address = MacAddress.Read(s_own) });

    private static string Heard(E1000Driver driver)
    {
        var names = new List<string>();
        foreach (var (address, name) in new (byte[], string)[] { (s_own, "own"), (s_other, "other"), ([1, 0, 0x5E, 0, 0, 1], "group"), ([255, 255, 255, 255, 255, 255], "everybody") })
        {
            driver.Arrive([.. address, .. new byte[54]]);
            if (driver.TakeReceived().Count > 0)
            {
                names.Add(name);
            }
        }

        return string.Join(' ', names);
    }

    private static byte[] Frame(int length, int seed)
    {
        var frame = new byte[length];
        new Random(seed).NextBytes(frame);
        s_own.CopyTo(frame, 0);
        return frame;
    }

    private static byte[] Context(byte ipStart, byte ipChecksum, byte start, byte checksum, byte command, ushort segmentBytes, byte headerBytes, int payloadBytes) =>
    [
        ipStart, ipChecksum, 0, 0, start, checksum, 0, 0, (byte)payloadBytes, (byte)(payloadBytes >> 8), 0, command, 0, headerBytes, (byte)segmentBytes, (byte)(segmentBytes >> 8),
    ];

    private static int Sum(ReadOnlySpan<byte> data)
    {
        var sum = 0;
        for (var i = 0; i < data.Length; i += 2)
        {
            sum += BinaryPrimitives.ReadUInt16BigEndian(data[i..]);
        }

        return (sum & 0xFFFF) + (sum >> 16);
    }

    private static int ReadPhy(E1000Driver driver, uint number)
    {
        driver.Write(0x20, (2u << 26) | (1u << 21) | (number << 16));
        var value = driver.Read(0x20);
        Assert.NotEqual(0u, value & (1 << 28));
        return (int)(value & 0xFFFF);
    }

    /// <summary>Reads a word over the part's four wires, as its data sheet says.</summary>
    private static ushort ReadWord(E1000Driver driver, int address)
    {
        driver.Write(0x10, 2);
        var command = (6 << 6) | address;
        for (var bit = 8; bit >= 0; bit--)
        {
            Clock(driver, ((command >> bit) & 1) != 0);
        }

        var word = 0;
        for (var bit = 0; bit < 16; bit++)
        {
            driver.Write(0x10, 3);
            word = (word << 1) | ((driver.Read(0x10) & 8) != 0 ? 1 : 0);
            driver.Write(0x10, 2);
        }

        driver.Write(0x10, 0);
        return (ushort)word;
    }

    private static void Clock(E1000Driver driver, bool bit)
    {
        var wires = 2u | (bit ? 4u : 0);
        driver.Write(0x10, wires);
        driver.Write(0x10, wires | 1);
        driver.Write(0x10, wires);
    }
}
