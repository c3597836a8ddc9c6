using System.Buffers.Binary;
using System.Text;
using FsCheck;
using FsCheck.Xunit;
using Vivarium.Devices.Tests.Fakes;

namespace Vivarium.Devices.Tests.Ahci;

public sealed class AhciDiskTests
{
    private const byte Ok = 0x50;
    private const uint TaskFileError = 1 << 30;

    private readonly FakeDisk _disk = new(1 << 20);
    private readonly AhciDriver _driver;

    public AhciDiskTests()
    {
        new Random(1).NextBytes(_disk.Bytes);
        _driver = new AhciDriver(new AhciDisk(_disk));
        _driver.Initialize();
    }

    [Fact]
    public void The_controller_says_what_it_has()
    {
        Assert.Equal(0x0001_0301u, _driver.Read(0x10));
        Assert.Equal(0x3Fu, _driver.Read(0x0C));
        Assert.Equal(0xC134_1F05u, _driver.Read(0x00));
        Assert.Equal(0x133u, _driver.ReadPort(0x28));
        Assert.Equal(0x101u, _driver.ReadPort(0x24));
        Assert.Equal(0u, _driver.Read(0x100 + 0x80 + 0x28));
        Assert.Equal(0x7Fu, _driver.Read(0x100 + 0x80 + 0x20));
        Assert.Equal(0x34, _driver.Memory.Bytes[AhciDriver.Received + 0x40]);
    }

    [Fact]
    public void Identification_names_the_disk_and_its_size()
    {
        Assert.Equal(Ok, _driver.Run(0xEC, 0, 0, [(AhciDriver.Data, 512)]));
        var data = _driver.Memory.Bytes.AsSpan((int)AhciDriver.Data, 512);
        Assert.Equal(2048, BinaryPrimitives.ReadInt64LittleEndian(data[200..]));
        Assert.Equal("Vivarium disk", Text(data[54..94]));
        Assert.Equal("VIVARIUM0", Text(data[20..40]));
        Assert.Equal(0, (byte)data.ToArray().Sum(value => value));
        Assert.Equal(0x5F, _driver.Memory.Bytes[AhciDriver.Received + 0x20]);
        Assert.Equal(2u, _driver.InterruptStatus);
        Assert.True(_driver.Host.Pin);
        _driver.Acknowledge();
        Assert.False(_driver.Host.Pin);
    }

    [Theory]
    [InlineData(0x25, 3, 8, 0x40)]
    [InlineData(0xC8, 5, 2, 0xE0)]
    [InlineData(0x24, 7, 1, 0x40)]
    public void Reads_go_to_all_buffers_in_turn(int opcode, int lba, int count, int device)
    {
        var bytes = count * 512;
        Assert.Equal(Ok, _driver.Run((byte)opcode, lba, count, [(AhciDriver.Data, 100), (AhciDriver.Data + 0x1000, bytes - 100)], device: (byte)device));
        var expected = _disk.Bytes.AsSpan(lba * 512, bytes);
        Assert.True(expected[..100].SequenceEqual(_driver.Memory.Bytes.AsSpan((int)AhciDriver.Data, 100)));
        Assert.True(expected[100..].SequenceEqual(_driver.Memory.Bytes.AsSpan((int)AhciDriver.Data + 0x1000, bytes - 100)));
        Assert.Equal((uint)bytes, _driver.TransferredBytes(0));
        Assert.Equal(0u, _driver.Issued);
    }

    [Fact]
    public void Writes_reach_the_disk_and_forced_ones_are_flushed()
    {
        new Random(2).NextBytes(_driver.Memory.Bytes.AsSpan((int)AhciDriver.Data, 1024));
        Assert.Equal(Ok, _driver.Run(0x35, 10, 2, [(AhciDriver.Data, 1024)]));
        Assert.True(_driver.Memory.Bytes.AsSpan((int)AhciDriver.Data, 1024).SequenceEqual(_disk.Bytes.AsSpan(5120, 1024)));
        Assert.Equal(["write 5120"], _disk.Log);
        _disk.Log.Clear();
        Assert.Equal(Ok, _driver.Run(0x3D, 10, 2, [(AhciDriver.Data, 1024)]));
        Assert.Equal(Ok, _driver.Run(0xEF, 0, 0, [], features: 0x82));
        Assert.Equal(Ok, _driver.Run(0x35, 20, 1, [(AhciDriver.Data, 512)]));
        Assert.Equal(["write 5120", "flush", "write 10240", "flush"], _disk.Log);
    }

    [Fact]
    public void A_transfer_of_more_than_one_step_is_whole()
    {
        var memory = new FakeMemory(8 << 20);
        var disk = new FakeDisk(2 << 20);
        new Random(3).NextBytes(disk.Bytes);
        var driver = new AhciDriver(new AhciDisk(disk), memory: memory);
        driver.Initialize();
        Assert.Equal(Ok, driver.Run(0x25, 0, 4096, [(0x200000, 1 << 20), (0x400000, 1 << 20)]));
        Assert.True(disk.Bytes.AsSpan(0, 1 << 20).SequenceEqual(memory.Bytes.AsSpan(0x200000, 1 << 20)));
        Assert.True(disk.Bytes.AsSpan(1 << 20).SequenceEqual(memory.Bytes.AsSpan(0x400000, 1 << 20)));
        Assert.Equal(8, disk.Log.Count);
    }

    [Fact]
    public void Trim_discards_the_ranges_that_are_on_the_disk()
    {
        BinaryPrimitives.WriteUInt64LittleEndian(_driver.Memory.Bytes.AsSpan((int)AhciDriver.Data), (8UL << 48) | 16);
        BinaryPrimitives.WriteUInt64LittleEndian(_driver.Memory.Bytes.AsSpan((int)AhciDriver.Data + 8), (8UL << 48) | 5000);
        Assert.Equal(Ok, _driver.Run(0x06, 0, 1, [(AhciDriver.Data, 512)], features: 1));
        Assert.Equal(["discard 8192 4096"], _disk.Log);
        Assert.Equal(0x51, _driver.Run(0x06, 0, 9, [(AhciDriver.Data, 9 * 512)], features: 1));
    }

    [Theory]
    [InlineData(0x25, 2048, 1)]
    [InlineData(0x25, 2047, 2)]
    [InlineData(0x35, 0xFFFF_FFFF_FFFF, 1)]
    [InlineData(0x99, 0, 0)]
    public void What_cannot_be_done_is_an_error_until_the_list_is_started_anew(int opcode, long lba, int count)
    {
        Assert.Equal(0x51, _driver.Run((byte)opcode, lba, count, [(AhciDriver.Data, 1024)]));
        Assert.NotEqual(0u, _driver.InterruptStatus & TaskFileError);
        Assert.Empty(_disk.Log);
        _driver.Prepare(1, 0x25, 0, 1, [(AhciDriver.Data, 512)]);
        _driver.WritePort(0x38, 2);
        Assert.Equal(3u, _driver.Issued);
        _driver.Restart();
        Assert.Equal(0u, _driver.Issued);
        Assert.Equal(Ok, _driver.Run(0x25, 0, 1, [(AhciDriver.Data, 512)]));
    }

    [Fact]
    public void A_disk_that_fails_is_an_io_error()
    {
        _disk.Fails = true;
        Assert.Equal(0x51, _driver.Run(0x25, 1, 1, [(AhciDriver.Data, 512)]));
        Assert.Equal(0x40, _driver.Error);
    }

    [Theory]
    [InlineData(0x4000_0000UL, 512)]
    [InlineData(AhciDriver.Data, 256)]
    public void Buffers_that_are_not_memory_or_too_short_are_an_error(ulong gpa, int sizeBytes)
    {
        Assert.Equal(0x51, _driver.Run(0x25, 0, 1, [(gpa, sizeBytes)]));
        Assert.NotEqual(0u, _driver.InterruptStatus & (1 << 28));
        _driver.Restart();
        Assert.Equal(0x51, _driver.Run(0x35, 0, 1, [(gpa, sizeBytes)]));
    }

    [Fact]
    public void A_command_list_outside_memory_is_a_host_error()
    {
        _driver.WritePort(0x00, 0x8000_0000);
        _driver.WritePort(0x38, 1);
        Assert.NotEqual(0u, _driver.InterruptStatus & (1 << 29));
    }

    [Fact]
    public void Queued_commands_run_side_by_side_and_end_in_any_order()
    {
        _disk.Holds = true;
        _driver.IssueQueued(3, isWrite: false, lba: 1, sectors: 1, [(AhciDriver.Data, 512)]);
        _driver.IssueQueued(7, isWrite: false, lba: 2, sectors: 1, [(AhciDriver.Data + 512, 512)]);
        Assert.Equal((0u, 0x88u), (_driver.Issued, _driver.Active));
        Assert.Equal(2, _disk.HeldCount);
        _disk.ReleaseAll();
        _driver.Events.RunAll();
        Assert.Equal(0u, _driver.Active);
        Assert.Equal(8u, _driver.InterruptStatus);
        Assert.Equal(0xA1, _driver.Memory.Bytes[AhciDriver.Received + 0x58]);
        Assert.True(_disk.Bytes.AsSpan(512, 1024).SequenceEqual(_driver.Memory.Bytes.AsSpan((int)AhciDriver.Data, 1024)));
    }

    [Fact]
    public void A_queued_error_is_told_by_its_log()
    {
        _driver.IssueQueued(4, isWrite: false, lba: 9999, sectors: 1, [(AhciDriver.Data, 512)]);
        Assert.Equal(0x10u, _driver.Active);
        Assert.NotEqual(0u, _driver.InterruptStatus & TaskFileError);
        _driver.Restart();
        Assert.Equal(Ok, _driver.Run(0x2F, 0x10, 1, [(AhciDriver.Data, 512)]));
        var log = _driver.Memory.Bytes.AsSpan((int)AhciDriver.Data, 512);
        Assert.Equal((4, 0x51, 0x10, 9999 & 0xFF), (log[0], log[2], log[3], log[4]));
        Assert.Equal(0, (byte)log.ToArray().Sum(value => value));
    }

    [Fact]
    public void What_is_in_flight_at_a_pause_is_begun_again_also_elsewhere()
    {
        _disk.Holds = true;
        _driver.IssueQueued(2, isWrite: false, lba: 1, sectors: 1, [(AhciDriver.Data, 512)]);
        _driver.Prepare(5, 0x25, 3, 1, [(AhciDriver.Data + 512, 512)]);
        _driver.Controller.Stop();
        Assert.Equal(4u, _driver.Active);

        var other = new AhciDriver(new AhciDisk(_disk), memory: _driver.Memory);
        other.Controller.Stop();
        _driver.Controller.CopyStateTo(other.Controller);
        _disk.Holds = false;
        other.Controller.Start();
        Assert.Equal(0u, other.Active);
        other.WritePort(0x38, 1 << 5);
        Assert.Equal(0u, other.Issued);
        Assert.True(_disk.Bytes.AsSpan(512, 512).SequenceEqual(_driver.Memory.Bytes.AsSpan((int)AhciDriver.Data, 512)));
        Assert.True(_disk.Bytes.AsSpan(1536, 512).SequenceEqual(_driver.Memory.Bytes.AsSpan((int)AhciDriver.Data + 512, 512)));
    }

    [Fact]
    public void What_the_host_has_finished_at_a_pause_is_told_whole()
    {
        _disk.Holds = true;
        _driver.IssueQueued(2, isWrite: false, lba: 1, sectors: 1, [(AhciDriver.Data, 512)]);
        _disk.ReleaseAll();
        _driver.Controller.Stop();
        Assert.Equal((0u, 8u), (_driver.Active, _driver.InterruptStatus));
        Assert.Equal((0xA1, 4), (_driver.Memory.Bytes[AhciDriver.Received + 0x58], _driver.Memory.Bytes[AhciDriver.Received + 0x5C]));
        _driver.Controller.Start();
        Assert.Equal(["read 512"], _disk.Log);
    }

    [Fact]
    public void A_reset_forgets_what_is_in_flight()
    {
        _disk.Holds = true;
        _driver.IssueQueued(2, isWrite: false, lba: 1, sectors: 1, [(AhciDriver.Data, 512)]);
        _driver.Write(0x04, 0x8000_0001);
        _disk.ReleaseAll();
        _driver.Events.RunAll();
        Assert.Equal((0u, 0u), (_driver.Active, _driver.InterruptStatus));
        Assert.True(_driver.Memory.Bytes.AsSpan((int)AhciDriver.Data, 512).IndexOfAnyExcept((byte)0) < 0);
    }

    [Fact]
    public void Without_bus_mastering_nothing_runs_until_it_is_on()
    {
        _driver.Host.IsBusMaster = false;
        _driver.Prepare(0, 0x25, 0, 1, [(AhciDriver.Data, 512)]);
        _driver.WritePort(0x38, 1);
        Assert.Equal(1u, _driver.Issued);
        _driver.Host.IsBusMaster = true;
        _driver.Controller.BusMasterChanged(true);
        Assert.Equal(0u, _driver.Issued);
    }

    [Fact]
    public void Messages_take_the_place_of_the_pin()
    {
        _driver.Host.UsesMessages = true;
        _driver.Run(0x25, 0, 1, [(AhciDriver.Data, 512)]);
        Assert.Equal([0], _driver.Host.Messages.Distinct());
        Assert.False(_driver.Host.Pin);
    }

    [Property(MaxTest = 300)]
    public void Whatever_a_guest_writes_has_a_defined_result((uint Offset, uint Value)[] writes, byte[] memory)
    {
        ArgumentNullException.ThrowIfNull(memory);
        var driver = new AhciDriver(new AhciDisk(new FakeDisk(64 << 10)), memory: new FakeMemory(64 << 10));
        driver.Initialize();
        memory.AsSpan(0, Math.Min(memory.Length, 4096)).CopyTo(driver.Memory.Bytes.AsSpan((int)AhciDriver.List));
        foreach (var (offset, value) in writes)
        {
            driver.Controller.WriteBar(5, (offset % 0x400) & ~3u, 4, value);
            driver.Controller.ReadBar(5, value % 0xFF9, 8, out _);
        }

        driver.Events.RunAll();
        driver.Controller.Stop();
        driver.Controller.CopyStateTo(driver.Controller);
    }

    [Property(MaxTest = 200)]
    public void Any_command_block_has_a_defined_result(byte[] fis, byte[] packet, DoNotSize<uint> size, bool isCd)
    {
        ArgumentNullException.ThrowIfNull(fis);
        ArgumentNullException.ThrowIfNull(packet);
        var driver = new AhciDriver(isCd ? new AhciCdDrive(new FakeDisk(64 << 10)) : new AhciDisk(new FakeDisk(64 << 10)));
        driver.Initialize();
        var padded = new byte[16];
        packet.AsSpan(0, Math.Min(16, packet.Length)).CopyTo(padded);
        driver.Prepare(0, isCd ? (byte)0xA0 : (byte)0, 0, 0, [(AhciDriver.Data, (int)(size.Item & 0x3FFFFF) + 1)], packet: padded);
        if (!isCd && fis.Length > 0)
        {
            fis.AsSpan(0, Math.Min(18, fis.Length)).CopyTo(driver.Memory.Bytes.AsSpan((int)AhciDriver.Tables + 2));
        }

        driver.WritePort(0x34, 1);
        driver.WritePort(0x38, 1);
        driver.Events.RunAll();
        Assert.True(driver.Issued == 0 || (driver.InterruptStatus & ((1 << 30) | (1 << 29))) != 0);
    }

    private static string Text(ReadOnlySpan<byte> words)
    {
        var text = new byte[words.Length];
        for (var i = 0; i < words.Length; i++)
        {
            text[i] = words[i ^ 1];
        }

        return Encoding.ASCII.GetString(text).TrimEnd();
    }
}
