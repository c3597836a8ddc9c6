using System.Buffers.Binary;
using System.Text;
using FsCheck;
using FsCheck.Xunit;
using Vivarium.Devices.Tests.Fakes;

namespace Vivarium.Devices.Tests.Nvme;

public sealed class NvmeControllerTests
{
    private const byte Flush = 0x00;
    private const byte WriteCommand = 0x01;
    private const byte ReadCommand = 0x02;

    private readonly FakeDisk _disk = new(4 << 20);
    private readonly NvmeDriver _driver;

    public NvmeControllerTests()
    {
        new Random(1).NextBytes(_disk.Bytes);
        _driver = new NvmeDriver([_disk]);
        _driver.Initialize();
    }

    [Fact]
    public void Identification_names_controller_and_namespaces()
    {
        Assert.Equal(0x0001_0400u, _driver.Read(8));
        Assert.Equal(0, _driver.Admin(0x06, dw10: 1));
        Assert.Equal("VIVARIUM0           Vivarium NVMe", Encoding.ASCII.GetString(Data(4, 33)));
        Assert.Equal((0x66, 0x44, 1, 0x0C), (Data(512, 1)[0], Data(513, 1)[0], Data(516, 1)[0], Data(520, 1)[0]));
        Assert.Equal(0, _driver.Admin(0x06, nsid: 1, dw10: 0));
        Assert.Equal((8192L, 9), (BinaryPrimitives.ReadInt64LittleEndian(Data(0, 8)), Data(130, 1)[0]));
        Assert.Equal(0, _driver.Admin(0x06, nsid: 0, dw10: 2));
        Assert.Equal([1, 0, 0, 0, 0, 0, 0, 0], Data(0, 8).ToArray());
        Assert.Equal(0x400B, _driver.Admin(0x06, nsid: 2, dw10: 0));
    }

    [Fact]
    public void Data_goes_by_one_page_two_pages_and_lists_of_pages()
    {
        Assert.Equal(0, _driver.Io(ReadCommand, 3, 1));
        Assert.True(Data(0, 512).SequenceEqual(_disk.Bytes.AsSpan(3 * 512, 512)));

        // From within the first page into the second entry's page.
        Assert.Equal(0, _driver.Io(ReadCommand, 0, 8, NvmeDriver.Data + 0x200, 0x100000));
        Assert.True(Data(0x200, 0xE00).SequenceEqual(_disk.Bytes.AsSpan(0, 0xE00)));
        Assert.True(_driver.Memory.Bytes.AsSpan(0x100000, 0x200).SequenceEqual(_disk.Bytes.AsSpan(0xE00, 0x200)));

        // 512 pages: a list that goes on in a second page, pages in falling order.
        const int pages = 512;
        for (var i = 0; i < pages - 1; i++)
        {
            PutList(i, 0x3FF000UL - ((ulong)i * 0x1000));
        }

        Assert.Equal(0, _driver.Io(ReadCommand, 0, pages * 8, NvmeDriver.Data, 0x20F00));
        Assert.True(_driver.Memory.Bytes.AsSpan(0x3FF000, 0x1000).SequenceEqual(_disk.Bytes.AsSpan(0x1000, 0x1000)));
        Assert.True(_driver.Memory.Bytes.AsSpan(0x3FF000 - ((pages - 2) * 0x1000), 0x1000).SequenceEqual(_disk.Bytes.AsSpan((pages - 1) * 0x1000, 0x1000)));
    }

    [Fact]
    public void Writes_and_flushes_reach_the_disk()
    {
        new Random(2).NextBytes(_driver.Memory.Bytes.AsSpan((int)NvmeDriver.Data, 1024));
        Assert.Equal(0, _driver.Io(WriteCommand, 5, 2));
        Assert.True(Data(0, 1024).SequenceEqual(_disk.Bytes.AsSpan(2560, 1024)));
        Assert.Equal(0, _driver.Io(Flush, 0, 1));
        Assert.Equal(0, _driver.Io(WriteCommand, 5, 2, flags: 1u << 30));
        Assert.Equal(0, _driver.Admin(0x09, dw10: 6, dw11: 0));
        Assert.Equal(0, _driver.Io(WriteCommand, 5, 2));
        Assert.Equal(["write 2560", "flush", "write 2560", "flush", "write 2560", "flush"], _disk.Log);
    }

    [Fact]
    public void Zeroes_and_discards_reach_the_disk()
    {
        Assert.Equal(0, _driver.Io(0x08, 8, 16));
        BinaryPrimitives.WriteUInt32LittleEndian(_driver.Memory.Bytes.AsSpan((int)NvmeDriver.Data + 4), 8);
        BinaryPrimitives.WriteUInt64LittleEndian(_driver.Memory.Bytes.AsSpan((int)NvmeDriver.Data + 8), 64);
        _driver.Submit(1, 0x09, 1, dw10: 0, dw11: 1 << 2);
        Assert.Equal(0, _driver.Take(1).Status);
        Assert.Equal(["zero 4096 8192", "discard 32768 4096"], _disk.Log);
        BinaryPrimitives.WriteUInt64LittleEndian(_driver.Memory.Bytes.AsSpan((int)NvmeDriver.Data + 8), 1 << 20);
        _driver.Submit(1, 0x09, 1, dw10: 0, dw11: 1 << 2);
        Assert.Equal(0x4080, _driver.Take(1).Status);
    }

    [Theory]
    [InlineData(ReadCommand, 8192UL, 1, 1u, NvmeDriver.Data, 0x4080)]
    [InlineData(ReadCommand, ulong.MaxValue, 1, 1u, NvmeDriver.Data, 0x4080)]
    [InlineData(ReadCommand, 0UL, 1, 2u, NvmeDriver.Data, 0x400B)]
    [InlineData(ReadCommand, 0UL, 1, 1u, 0x8000_0000UL, 0x0004)]
    [InlineData(ReadCommand, 0UL, 1, 1u, 0x80001UL, 0x4013)]
    [InlineData(ReadCommand, 0UL, 4097, 1u, NvmeDriver.Data, 0x4002)]
    [InlineData(0x55, 0UL, 1, 1u, NvmeDriver.Data, 0x4001)]
    public void What_is_wrong_has_its_status_and_is_in_the_error_log(int opcode, ulong block, int count, uint nsid, ulong prp1, int status)
    {
        Assert.Equal(status, _driver.Io((byte)opcode, block, count, prp1, nsid: nsid));
        Assert.Equal(0, _driver.Admin(0x02, dw10: 1 | (15 << 16)));
        Assert.Equal(1, BinaryPrimitives.ReadInt64LittleEndian(Data(0, 8)));
        Assert.Equal(status << 1, BinaryPrimitives.ReadUInt16LittleEndian(Data(12, 2)));
        Assert.Equal(0, _driver.Io(ReadCommand, 0, 1));
    }

    [Fact]
    public void A_disk_that_fails_is_a_media_error()
    {
        _disk.Fails = true;
        Assert.Equal(0x281, _driver.Io(ReadCommand, 0, 1));
        Assert.Equal(0x280, _driver.Io(WriteCommand, 0, 1));
    }

    [Fact]
    public void A_read_only_disk_says_so()
    {
        var driver = new NvmeDriver([new FakeDisk(1 << 20) { IsReadOnly = true }]);
        driver.Initialize();
        Assert.Equal(0x4182, driver.Io(WriteCommand, 0, 1));
        Assert.Equal(0, driver.Io(ReadCommand, 0, 1));
    }

    [Fact]
    public void A_full_completion_queue_holds_commands_back()
    {
        for (var i = 0; i < 15; i++)
        {
            _driver.Submit(1, ReadCommand, 1, dw10: (uint)i);
        }

        _driver.Submit(1, ReadCommand, 1);
        Assert.Equal(15, _disk.Log.Count);
        _driver.Take(1);
        Assert.Equal(16, _disk.Log.Count);
    }

    [Fact]
    public void Queues_are_made_and_unmade_in_order()
    {
        Assert.Equal(0x4101, _driver.CreateCompletionQueue(1));
        Assert.Equal(0x4101, _driver.CreateCompletionQueue(9));
        Assert.Equal(0x4108, _driver.CreateCompletionQueue(2, vector: 77));
        Assert.Equal(0x4100, _driver.CreateSubmissionQueue(2, 3));
        Assert.Equal(0x410C, _driver.Admin(0x04, dw10: 1));
        _disk.Holds = true;
        var id = _driver.Submit(1, ReadCommand, 1);
        Assert.Equal(0, _driver.Admin(0x00, dw10: 1));
        Assert.Equal((id, 8), _driver.Take(1) is var taken ? (taken.Id, taken.Status) : default);
        _disk.ReleaseAll();
        _driver.Events.RunAll();
        Assert.False(_driver.HasCompletion(1));
        Assert.Equal(0, _driver.Admin(0x04, dw10: 1));
        Assert.Equal(0, _driver.CreateCompletionQueue(1));
    }

    [Fact]
    public void Interrupts_come_by_the_pin_until_taken_or_by_vector()
    {
        _driver.Submit(1, ReadCommand, 1);
        Assert.True(_driver.Host.Pin);
        _driver.Write(0x0C, 2);
        Assert.False(_driver.Host.Pin);
        _driver.Write(0x10, 2);
        Assert.True(_driver.Host.Pin);
        _driver.Take(1);
        Assert.False(_driver.Host.Pin);
        _driver.Host.UsesMessages = true;
        Assert.Equal(0, _driver.Io(ReadCommand, 0, 1));
        Assert.Equal([1], _driver.Host.Messages);
    }

    [Fact]
    public void What_is_in_flight_at_a_pause_is_begun_again_also_elsewhere()
    {
        _disk.Holds = true;
        var id = _driver.Submit(1, ReadCommand, 1, dw10: 7);
        _driver.Submit(0, 0x0C, 0);
        _driver.Controller.Stop();
        Assert.False(_driver.HasCompletion(1));

        var other = new NvmeDriver([_disk], memory: _driver.Memory);
        other.Controller.Stop();
        _driver.Controller.CopyStateTo(other.Controller);
        _driver.CopyPositionsTo(other);
        Assert.Equal(_driver.Controller.SaveToArray(), other.Controller.SaveToArray());
        _disk.Holds = false;
        other.Controller.Start();
        Assert.Equal(id, other.Take(1).Id);
        Assert.True(Data(0, 512).SequenceEqual(_disk.Bytes.AsSpan(7 * 512, 512)));
        Assert.Equal(0, other.Io(ReadCommand, 0, 1));
    }

    [Fact]
    public void A_reset_forgets_queues_and_what_is_in_flight()
    {
        _disk.Holds = true;
        _driver.Submit(1, ReadCommand, 1);
        _driver.Write(0x14, 0);
        Assert.Equal(0u, _driver.Status);
        _disk.ReleaseAll();
        _driver.Events.RunAll();
        Assert.False(_driver.HasCompletion(1));
        Assert.True(Data(0, 512).IndexOfAnyExcept((byte)0) < 0);
    }

    [Fact]
    public void Queues_outside_memory_are_fatal()
    {
        _driver.Write(0x14, 0);
        _driver.Write(0x28, 0x8000_0000);
        _driver.Write(0x14, 0x0046_0001);
        _driver.Write(0x1000, 1);
        Assert.Equal(2u, _driver.Status & 2);
    }

    [Property(MaxTest = 300)]
    public void Whatever_a_guest_writes_has_a_defined_result((ushort Offset, uint Value)[] writes, byte[] commands)
    {
        ArgumentNullException.ThrowIfNull(commands);
        var driver = new NvmeDriver([new FakeDisk(64 << 10)]);
        driver.Initialize();
        for (var i = 0; i < 1024; i++)
        {
            driver.Memory.Bytes[0x12000 + i] = commands.Length == 0 ? (byte)0 : commands[i % commands.Length];
            driver.Memory.Bytes[0x10000 + i] = commands.Length == 0 ? (byte)0 : commands[i % commands.Length];
        }

        driver.Write(0x1008, 15);
        driver.Write(0x1000, 15);
        foreach (var (offset, value) in writes)
        {
            driver.Controller.WriteBar(0, (ulong)(offset % 0x1040) & ~3UL, 4, value);
        }

        driver.Events.RunAll();
        driver.Controller.Stop();
        driver.Controller.CopyStateTo(driver.Controller);
        driver.Controller.Start();
    }

    [Property(MaxTest = 300)]
    public void An_altered_state_is_refused_or_works((DoNotSize<ushort> Position, byte Value)[] changes)
    {
        _driver.Submit(0, 0x0C, 0);
        _driver.Controller.Stop();
        var state = _driver.Controller.SaveToArray();
        foreach (var (position, value) in changes)
        {
            state[position.Item % state.Length] = value;
        }

        var other = new NvmeDriver([_disk]);
        other.Controller.Stop();
        try
        {
            other.Controller.Restore(new StateReader("nvme0", 1, state));
        }
        catch (StateFormatException)
        {
            return;
        }

        other.Controller.Start();
        other.Write(0x1008, 3);
        other.Events.RunAll();
    }

    private ReadOnlySpan<byte> Data(int offset, int sizeBytes) => _driver.Memory.Bytes.AsSpan((int)NvmeDriver.Data + offset, sizeBytes);

    /// <summary>A list from 0x20F00 on whose last entry of the page leads to 0x30000.</summary>
    private void PutList(int index, ulong page)
    {
        const int first = (0x1000 - 0xF00) / 8;
        var gpa = index < first - 1 ? 0x20F00 + (index * 8) : 0x30000 + ((index - (first - 1)) * 8);
        BinaryPrimitives.WriteUInt64LittleEndian(_driver.Memory.Bytes.AsSpan(gpa), page);
        BinaryPrimitives.WriteUInt64LittleEndian(_driver.Memory.Bytes.AsSpan(0x20FF8), 0x30000);
    }
}
