using System.Buffers.Binary;
using System.Text;
using FsCheck;
using FsCheck.Xunit;
using Vivarium.Devices.Tests.Fakes;

namespace Vivarium.Devices.Tests.FirmwareConfig;

public sealed class FwCfgTests
{
    private const uint Error = 1;
    private const uint ReadBit = 2;
    private const uint Skip = 4;
    private const uint SelectBit = 8;
    private const uint WriteBit = 16;

    private readonly FakeMemory _memory = new();
    private readonly FwCfg _fwCfg;

    public FwCfgTests() => _fwCfg = new FwCfg(_memory);

    [Fact]
    public void Firmware_recognises_the_device_and_its_dma()
    {
        Assert.Equal("QEMU"u8.ToArray(), Read(0, 4));
        Assert.Equal([3, 0, 0, 0], Read(1, 4));
        Assert.Equal(0x554D4551u, _fwCfg.DmaPorts.TryIn(0, 4));
        Assert.Equal((uint)'G', _fwCfg.DmaPorts.TryIn(7, 1));
    }

    [Fact]
    public void Numbers_are_little_endian_and_zeros_follow_the_end()
    {
        _fwCfg.SetItem(FwCfgItem.ProcessorCount, (ushort)0x1234);
        _fwCfg.SetItem(FwCfgItem.KernelSize, 0x11223344u);
        _fwCfg.SetItem(FwCfgItem.RamSize, 0x1_0000_0000UL);
        Assert.Equal([0x34, 0x12, 0, 0], Read(FwCfgItem.ProcessorCount, 4));
        Assert.Equal([0x44, 0x33, 0x22, 0x11], Read(FwCfgItem.KernelSize, 4));
        Assert.Equal([0, 0, 0, 0, 1, 0, 0, 0], Read(FwCfgItem.RamSize, 8));
        Assert.Equal([0, 0], Read(0x7777, 2));
    }

    [Fact]
    public void The_directory_is_sorted_and_leads_to_the_files()
    {
        var second = _fwCfg.AddFile("etc/system-states", new byte[] { 1, 2, 3 });
        var first = _fwCfg.AddFile("bootorder", "x"u8.ToArray());
        Assert.NotEqual(first, second);
        Assert.Equal(second, _fwCfg.AddFile("etc/system-states", new byte[] { 9, 8 }));

        var directory = Read(0x19, 4 + 128);
        Assert.Equal(2, BinaryPrimitives.ReadInt32BigEndian(directory));
        Assert.Equal(1, BinaryPrimitives.ReadInt32BigEndian(directory.AsSpan(4)));
        Assert.Equal(first, BinaryPrimitives.ReadUInt16BigEndian(directory.AsSpan(8)));
        Assert.Equal("bootorder", Encoding.ASCII.GetString(directory, 12, 56).TrimEnd('\0'));
        Assert.Equal(2, BinaryPrimitives.ReadInt32BigEndian(directory.AsSpan(68)));
        Assert.Equal("etc/system-states", Encoding.ASCII.GetString(directory, 76, 56).TrimEnd('\0'));
        Assert.Equal([9, 8], Read(second, 2));
    }

    [Fact]
    public void Dma_selects_skips_and_reads_in_one_or_more_steps()
    {
        _fwCfg.SetItem(FwCfgItem.KernelData, Enumerable.Range(0, 10_000).Select(i => (byte)i).ToArray());
        Assert.Equal(0u, Dma(SelectBit | Skip | ((uint)FwCfgItem.KernelData << 16), 5, 0));
        Assert.Equal(0u, Dma(ReadBit, 9_000, 0x4000));
        Assert.Equal(Enumerable.Range(5, 9_000).Select(i => (byte)i), _memory.Bytes[0x4000..(0x4000 + 9_000)]);
        _memory.Bytes.AsSpan(0x4000, 2000).Fill(0xEE);
        Assert.Equal(0u, Dma(ReadBit, 2_000, 0x4000));
        Assert.Equal((byte)(9_999 & 0xFF), _memory.Bytes[0x4000 + 994]);
        Assert.Equal(0, _memory.Bytes[0x4000 + 995]);
    }

    [Fact]
    public void Dma_errors_are_reported()
    {
        Assert.Equal(Error, Dma(WriteBit | SelectBit, 4, 0x4000));
        Assert.Equal(Error, Dma(ReadBit | SelectBit, 0xFFFF_FFFF, 0x4000));
        Assert.Equal(Error, Dma(ReadBit | SelectBit, 4, ulong.MaxValue - 2));
        Assert.Equal(0u, Dma(0, 0, 0));

        // A request outside RAM has nowhere to report to.
        Assert.Equal(IoResult.Ok, _fwCfg.DmaPorts.WritePort(0, 4, 0xFFFF_FFFF));
        Assert.Equal(IoResult.Ok, _fwCfg.DmaPorts.WritePort(4, 4, 0));
    }

    [Theory]
    [InlineData("")]
    [InlineData("ümlaut")]
    [InlineData("a-name-that-is-longer-than-the-fifty-five-characters-allowed")]
    public void Impossible_names_are_refused(string name) => Assert.Throws<ArgumentException>(() => _fwCfg.AddFile(name, default));

    [Property]
    public void A_restored_device_reads_on_where_the_original_was(int[] before, int[] after) =>
        PortScript.AssertStateRoundTrip(before, after, (_, _) =>
        {
            var fwCfg = new FwCfg(_memory);
            return (fwCfg, [fwCfg, fwCfg.DmaPorts]);
        });

    [Property]
    public void No_request_throws(int[] steps, DoNotSize<uint> control, DoNotSize<uint> length, DoNotSize<ulong> address)
    {
        Dma(control.Item, length.Item, address.Item % 0x200000);
        PortScript.Run(steps, new FakeClock(), _fwCfg, _fwCfg.DmaPorts);
    }

    private byte[] Read(ushort selector, int count)
    {
        Assert.Equal(IoResult.Ok, _fwCfg.WritePort(0, 2, selector));
        return [.. Enumerable.Range(0, count).Select(_ => _fwCfg.In(1))];
    }

    private uint Dma(uint control, uint length, ulong address)
    {
        const int RequestAddress = 0x2000;
        var request = _memory.Bytes.AsSpan(RequestAddress);
        BinaryPrimitives.WriteUInt32BigEndian(request, control);
        BinaryPrimitives.WriteUInt32BigEndian(request[4..], length);
        BinaryPrimitives.WriteUInt64BigEndian(request[8..], address);
        Assert.Equal(IoResult.Ok, _fwCfg.DmaPorts.WritePort(0, 4, 0));
        Assert.Equal(IoResult.Ok, _fwCfg.DmaPorts.WritePort(4, 4, BinaryPrimitives.ReverseEndianness((uint)RequestAddress)));
        return BinaryPrimitives.ReadUInt32BigEndian(_memory.Bytes.AsSpan(RequestAddress));
    }
}
