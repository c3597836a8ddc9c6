using FsCheck.Xunit;
using Vivarium.Devices.Tests.Fakes;

namespace Vivarium.Devices.Tests.Timers;

public sealed class HpetTests
{
    private const ulong Configuration = 0x10;
    private const ulong Status = 0x20;
    private const ulong Counter = 0xF0;
    private const ulong Timer0 = 0x100;
    private const ulong Route16 = 16 << 9;

    private readonly FakeClock _clock = new();
    private readonly RecordingIrqLine[] _lines = [.. Enumerable.Range(0, 8).Select(_ => new RecordingIrqLine())];
    private readonly MessageLog _messages = new();
    private readonly Hpet _hpet;

    public HpetTests() => _hpet = new Hpet(_lines, _clock, _messages);

    [Fact]
    public void Identification_and_capabilities()
    {
        Assert.Equal(0x0098_9680_8086_2201UL, Read(0));
        Assert.Equal(0x00FF_0000_0000_8030UL, Read(Timer0));
        Assert.Equal(0x0098_9680UL, Read(4, 4));
    }

    [Fact]
    public void The_counter_runs_at_100_mhz_while_enabled_and_keeps_its_value()
    {
        Write(Counter, 1000);
        _clock.Advance(10_000);
        Assert.Equal(1000UL, Read(Counter));
        Write(Configuration, 1);
        _clock.Advance(10_000);
        Assert.Equal(2000UL, Read(Counter));
        Write(Configuration, 0);
        _clock.Advance(10_000);
        Assert.Equal(2000UL, Read(Counter));
        Write(Counter + 4, 5, 4);
        Assert.Equal(0x5_0000_07D0UL, Read(Counter));
    }

    [Fact]
    public void A_one_shot_comparator_makes_one_edge()
    {
        Write(Configuration, 1);
        Write(Timer0, 0x04 | Route16);
        Write(Timer0 + 8, 10_000);
        _clock.Advance(99_999);
        Assert.Equal(0, _lines[0].Rises);
        _clock.Advance(1);
        Assert.Equal(1, _lines[0].Rises);
        _clock.Advance(1_000_000_000);
        Assert.Equal(1, _lines[0].Rises);
    }

    [Fact]
    public void A_level_lasts_until_its_status_is_cleared()
    {
        Write(Configuration, 1);
        Write(Timer0 + 0x20, 0x06 | Route16);
        Write(Timer0 + 0x28, 10_000);
        _clock.Advance(200_000);
        Assert.Equal((true, 2UL), (_lines[0].Level, Read(Status)));
        Write(Status, 2);
        Assert.Equal((false, 0UL), (_lines[0].Level, Read(Status)));
    }

    [Fact]
    public void A_periodic_comparator_repeats_and_catches_up()
    {
        Write(Configuration, 1);
        Write(Timer0, 0x4C | Route16);
        Write(Timer0 + 8, 100_000);
        Write(Timer0 + 8, 100_000);
        _clock.Advance(10_000_000);
        Assert.Equal(10, _lines[0].Rises);
        _clock.Jump(5_500_000);
        Assert.Equal(11, _lines[0].Rises);
        _clock.Advance(500_000);
        Assert.Equal(12, _lines[0].Rises);
    }

    [Fact]
    public void Messages_replace_the_line()
    {
        Write(Configuration, 1);
        Write(Timer0, 0x4004);
        Write(Timer0 + 0x10, 0xFEE0_1000_0000_0041);
        Write(Timer0 + 8, 100);
        _clock.Advance(1_000);
        Assert.Equal([(0xFEE0_1000UL, 0x41u)], _messages.Sent);
    }

    [Fact]
    public void A_32_bit_comparator_fires_again_when_the_counter_wraps()
    {
        Write(Configuration, 1);
        Write(Timer0, 0x104 | Route16);
        Write(Timer0 + 8, 100);
        _clock.Advance(1_000);
        Assert.Equal(1, _lines[0].Rises);
        _clock.Advance((1L << 32) * 10);
        Assert.Equal(2, _lines[0].Rises);
    }

    [Fact]
    public void A_guest_cannot_make_a_storm_of_timers()
    {
        Write(Configuration, 1);
        Write(Timer0, 0x4C | Route16);
        Write(Timer0 + 8, 1);
        Write(Timer0 + 8, 1);
        _clock.Advance(100_000_000);
        Assert.InRange(_clock.FiredCount, 1, 4_001);
    }

    [Fact]
    public void The_acpi_table_names_the_address()
    {
        var table = Hpet.CreateAcpiTable();
        Assert.Equal(56, table.Length);
        Assert.Equal(0xFED0_0000UL, BitConverter.ToUInt64(table, 44));
        Assert.Equal(0, table.Aggregate(0, (sum, value) => (sum + value) & 0xFF));
    }

    [Property]
    public void A_restored_block_answers_as_the_original(int[] before, int[] after) =>
        PortScript.AssertStateRoundTrip(before, after, (clock, irq) =>
        {
            var hpet = new Hpet([irq, .. Enumerable.Range(0, 7).Select(_ => new RecordingIrqLine())], clock, _messages);
            return (hpet, [new HpetPorts(hpet)]);
        });

    [Property]
    public void No_access_sequence_throws(int[] steps) => PortScript.Run(steps, _clock, new HpetPorts(_hpet));

    private ulong Read(ulong offset, int sizeBytes = 8)
    {
        Assert.Equal(IoResult.Ok, _hpet.ReadMmio(offset, sizeBytes, out var value));
        return sizeBytes == 4 ? (uint)value : value;
    }

    private void Write(ulong offset, ulong value, int sizeBytes = 8) => Assert.Equal(IoResult.Ok, _hpet.WriteMmio(offset, sizeBytes, value));

    private sealed class MessageLog : IMsiTarget
    {
        public List<(ulong Address, uint Data)> Sent { get; } = [];

        public void SendMsi(ulong address, uint data) => Sent.Add((address, data));
    }

    /// <summary>Lets random programs of port accesses reach the registers of the block.</summary>
    private sealed class HpetPorts(Hpet hpet) : IPortDevice
    {
        private static readonly ulong[] s_offsets = [0x10, 0x20, 0xF0, 0xF4, 0x100, 0x108, 0x10C, 0x110, 0x120, 0x128, 0x140, 0x148, 0x200, 0x500];

        public IoResult ReadPort(ushort offset, int sizeBytes, out uint value)
        {
            var result = hpet.ReadMmio(s_offsets[offset % s_offsets.Length], sizeBytes * 2, out var wide);
            value = (uint)(wide ^ (wide >> 32));
            return result;
        }

        public IoResult WritePort(ushort offset, int sizeBytes, uint value) =>
            hpet.WriteMmio(s_offsets[offset % s_offsets.Length], sizeBytes * 2, value);
    }
}
