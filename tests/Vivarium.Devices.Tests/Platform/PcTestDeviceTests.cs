using Vivarium.Devices.Tests.Fakes;

namespace Vivarium.Devices.Tests.Platform;

public sealed class PcTestDeviceTests
{
    private readonly RecordingIrqLine[] _lines = [.. Enumerable.Range(0, PcTestDevice.LineCount).Select(_ => new RecordingIrqLine())];

    [Fact]
    public void Ports_hold_bytes_and_drive_lines()
    {
        var device = new PcTestDevice(_lines);
        device.Latch.Out(2, 0xAB);
        Assert.Equal(0xAB, device.Latch.In(2));
        Assert.Equal(IoResult.BadSize, device.Latch.WritePort(0, 4, 0x1234_5678));
        Assert.Equal(IoResult.NoRegister, device.Latch.WritePort(4, 1, 0));
        device.Flush.Out(0, 1);
        device.Lines.Out(14, 2);
        Assert.True(_lines[14].Level);
        Assert.Equal(1, device.Lines.In(14));
        device.Lines.Out(14, 0);
        Assert.False(_lines[14].Level);
        Assert.Equal(IoResult.NoRegister, device.Lines.WritePort(PcTestDevice.LineCount, 1, 1));
    }

    [Theory]
    [InlineData(0, 8)]
    [InlineData(1, 4)]
    [InlineData(0xFFFF, 1)]
    [InlineData(0xFFF8, 8)]
    public void Memory_keeps_what_is_written_and_ends_where_it_ends(ulong offset, int sizeBytes)
    {
        var device = new PcTestDevice(_lines);
        var written = 0x8877_6655_4433_2211 & (ulong.MaxValue >> (64 - (sizeBytes * 8)));
        Assert.Equal(IoResult.Ok, device.WriteMmio(offset, sizeBytes, written));
        Assert.Equal(IoResult.Ok, device.ReadMmio(offset, sizeBytes, out var value));
        Assert.Equal(written, value);
        Assert.Equal(IoResult.Ok, device.ReadMmio(offset, 1, out var first));
        Assert.Equal(0x11UL, first);
        Assert.Equal(IoResult.NoRegister, device.ReadMmio((ulong)PcTestDevice.MemoryBytes - (ulong)sizeBytes + 1, sizeBytes, out _));
        Assert.Equal(IoResult.NoRegister, device.WriteMmio(ulong.MaxValue, sizeBytes, 0));
    }

    [Fact]
    public void Its_state_goes_along_and_a_reset_lowers_its_lines()
    {
        var device = new PcTestDevice(_lines);
        device.Latch.Out(3, 0x5A);
        device.WriteMmio(0x1000, 2, 0xBEEF);
        device.Lines.Out(23, 1);
        var otherLines = _lines.Select(_ => new RecordingIrqLine()).ToArray();
        var other = new PcTestDevice(otherLines);
        other.Lines.Out(3, 1);
        other.Restore(new StateReader(other.StateName, 1, device.SaveToArray()));
        Assert.Equal(0x5A, other.Latch.In(3));
        Assert.Equal(IoResult.Ok, other.ReadMmio(0x1000, 2, out var value));
        Assert.Equal(0xBEEFUL, value);
        Assert.Equal([23], Enumerable.Range(0, PcTestDevice.LineCount).Where(line => otherLines[line].Level));
        other.Reset();
        Assert.DoesNotContain(otherLines, line => line.Level);
        Assert.Equal(0, other.Latch.In(3));
        Assert.Equal(IoResult.Ok, other.ReadMmio(0x1000, 2, out value));
        Assert.Equal(0UL, value);
    }

    [Fact]
    public void It_wants_all_lines() => Assert.Throws<ArgumentException>(() => new PcTestDevice(_lines[1..]));
}
