using FsCheck;
using FsCheck.Xunit;
using Vivarium.Bus.Tests.Fakes;

namespace Vivarium.Bus.Tests.Pci;

public sealed class PciBaseAddressTests
{
    private const int Slot = 2;
    private const int Bar0 = 0x10;

    private readonly PciBoard _board = new();

    [Property]
    public void A_guest_finds_the_size_by_writing_ones(byte kindSeed, byte sizeSeed, byte indexSeed)
    {
        var board = new PciBoard();
        var kind = (PciBarKind)(kindSeed % 3);
        var (smallest, largest) = kind switch { PciBarKind.Io => (2, 8), PciBarKind.Memory32 => (4, 31), _ => (4, 40) };
        var sizeBytes = 1UL << (smallest + (sizeSeed % (largest - smallest + 1)));
        var index = indexSeed % (kind == PciBarKind.Memory64 ? 5 : 6);
        board.Add(Slot, Description(new PciBar(index, kind, sizeBytes)));
        var register = Bar0 + (4 * index);
        board.Write(Slot, register, uint.MaxValue);
        var found = (ulong)board.Read(Slot, register);
        if (kind == PciBarKind.Memory64)
        {
            board.Write(Slot, register + 4, uint.MaxValue);
            found = (found & uint.MaxValue) | ((ulong)board.Read(Slot, register + 4) << 32);
        }
        else
        {
            found |= 0xFFFF_FFFF_0000_0000;
        }

        var kindBits = kind == PciBarKind.Io ? 3UL : 0xFUL;
        Assert.Equal(kind switch { PciBarKind.Io => 1UL, PciBarKind.Memory64 => 4UL, _ => 0UL }, found & kindBits);
        Assert.Equal(sizeBytes, ~(found & ~kindBits) + 1);
    }

    [Property(MaxTest = 300)]
    public void A_region_answers_where_its_register_says_while_the_command_allows((byte What, DoNotSize<uint> Value)[] writes)
    {
        var board = new PciBoard();
        board.Add(Slot, Description(new PciBar(0, PciBarKind.Memory32, 0x1000), new PciBar(2, PciBarKind.Io, 16), new PciBar(4, PciBarKind.Memory64, 0x10000)));
        var (command, memory, io, low, high) = (0u, 0u, 0u, 0u, 0u);
        foreach (var (what, seed) in writes)
        {
            var value = seed.Item;
            switch (what % 5)
            {
                case 0:
                    board.SetCommand(Slot, (int)(command = value & 7));
                    break;
                case 1:
                    board.Write(Slot, Bar0, value);
                    memory = value & ~0xFFFu;
                    break;
                case 2:
                    board.Write(Slot, Bar0 + 8, value &= 0xFFFF);
                    io = value & ~0xFu;
                    break;
                case 3:
                    board.Write(Slot, Bar0 + 16, value);
                    low = value & ~0xFFFFu;
                    break;
                default:
                    board.Write(Slot, Bar0 + 20, value &= 0xFF);
                    high = value;
                    break;
            }

            var wide = low | ((ulong)high << 32);
            Check(memory != 0 && (command & 2) != 0 && !InWindow(memory), 0, board.Mmio.ReadMmio(memory + 8UL, 4));
            Check(io != 0 && (command & 1) != 0 && io != 0xCF0, 2, board.Ports.ReadPort((ushort)(io + 8), 4));
            var isCovered = wide < 0x1_0000_0000 && (InWindow(wide) || memory == wide);
            if (!isCovered)
            {
                Check(wide != 0 && (command & 2) != 0, 4, board.Mmio.ReadMmio(wide + 8, 4));
            }
        }

        static bool InWindow(ulong gpa) => gpa is >= PciBoard.WindowGpa and < PciBoard.WindowGpa + PciConfigurationWindow.SizeBytes;

        static void Check(bool isMapped, int bar, ulong read) => Assert.Equal(isMapped, read == TestFunction.Answer(bar, 8));
    }

    [Fact]
    public void Fixed_devices_come_before_regions_and_lower_functions_before_higher()
    {
        var fixedDevice = new RecordingDevice { Tag = 0x55 };
        _board.Mmio.Map(0xFEC0_0000, 0x1000, fixedDevice, "ioapic");
        _board.Add(4, Description(new PciBar(1, PciBarKind.Memory32, 0x1000), new PciBar(0, PciBarKind.Memory32, 0x1000)));
        _board.Add(3, Description(new PciBar(5, PciBarKind.Memory32, 0x2000)));
        Place(4, 1, 0xFEC0_0000);
        Assert.Equal(0x55u, _board.Mmio.ReadMmio(0xFEC0_0000, 1));
        Place(4, 0, 0xFEC0_0000);
        Place(3, 5, 0xFEC0_0000);
        Assert.Equal(0x55u, _board.Mmio.ReadMmio(0xFEC0_0000, 1));
        Assert.Equal(TestFunction.Answer(5, 0x1010), _board.Mmio.ReadMmio(0xFEC0_1010, 4));

        Place(4, 1, 0xE000_0000);
        Place(4, 0, 0xE000_0000);
        Assert.Equal(TestFunction.Answer(0, 0x10), _board.Mmio.ReadMmio(0xE000_0010, 4));
        Place(3, 5, 0xE000_0000);
        Assert.Equal(TestFunction.Answer(5, 0x10), _board.Mmio.ReadMmio(0xE000_0010, 4));
        _board.SetCommand(3, 0);
        Assert.Equal(TestFunction.Answer(0, 0x10), _board.Mmio.ReadMmio(0xE000_0010, 4));
        Place(4, 0, 0xE100_0000);
        Assert.Equal(TestFunction.Answer(1, 0x10), _board.Mmio.ReadMmio(0xE000_0010, 4));
    }

    [Fact]
    public void A_64_bit_region_follows_each_half()
    {
        _board.Add(Slot, Description(new PciBar(0, PciBarKind.Memory64, 0x4000)));
        _board.SetCommand(Slot, PciBoard.Memory);
        _board.Write(Slot, Bar0, 0xE000_0000);
        Assert.Equal(TestFunction.Answer(0, 4), _board.Mmio.ReadMmio(0xE000_0004, 4));
        _board.Write(Slot, Bar0 + 4, 0x10);
        Assert.Equal(0xFFFF_FFFFu, _board.Mmio.ReadMmio(0xE000_0004, 4));
        Assert.Equal(TestFunction.Answer(0, 4), _board.Mmio.ReadMmio(0x10_E000_0004, 4));
        _board.Write(Slot, Bar0, uint.MaxValue);
        _board.Write(Slot, Bar0 + 4, uint.MaxValue);
        Assert.Equal(TestFunction.Answer(0, 0x3FFC), _board.Mmio.ReadMmio(ulong.MaxValue - 3, 4));
    }

    [Fact]
    public void Ports_beyond_64_kib_are_nowhere()
    {
        _board.Add(Slot, Description(new PciBar(0, PciBarKind.Io, 16)));
        _board.SetCommand(Slot, PciBoard.Io);
        _board.Write(Slot, Bar0, 0x1_C000);
        Assert.Equal(0xFFFF_FFFFu, _board.Ports.ReadPort(0xC000, 4));
        _board.Write(Slot, Bar0, 0xFFF0);
        Assert.Equal(TestFunction.Answer(0, 12), _board.Ports.ReadPort(0xFFFC, 4));
    }

    [Fact]
    public void Writes_reach_the_function_with_region_and_offset()
    {
        var function = _board.Add(Slot, Description(new PciBar(0, PciBarKind.Memory32, 0x1000), new PciBar(1, PciBarKind.Io, 16)));
        _board.Write(Slot, Bar0, 0xE000_0000);
        _board.Write(Slot, Bar0 + 4, 0xC000);
        _board.SetCommand(Slot, PciBoard.Memory | PciBoard.Io);
        _board.Mmio.WriteMmio(0xE000_0FF8, 8, 0x1122_3344_5566_7788);
        _board.Ports.WritePort(0xC00F, 1, 0xAB);
        Assert.Equal([(0, 0xFF8UL, 8, 0x1122_3344_5566_7788UL), (1, 0xFUL, 1, 0xABUL)], function.Writes);
    }

    [Fact]
    public void The_function_hears_when_bus_mastering_changes()
    {
        var function = _board.Add(Slot, Description());
        Assert.False(function.Host.IsBusMaster);
        foreach (var bits in new[] { PciBoard.BusMaster, PciBoard.BusMaster | PciBoard.InterruptDisable, 0 })
        {
            _board.SetCommand(Slot, bits);
        }

        Assert.Equal([true, false], function.BusMasterChanges);
        _board.SetCommand(Slot, PciBoard.BusMaster);
        _board.Units[0].Reset();
        Assert.False(function.Host.IsBusMaster);
        _board.SetCommand(Slot, PciBoard.BusMaster);
        Assert.Equal([true, false, true, true], function.BusMasterChanges);
    }

    private static PciFunctionDescription Description(params PciBar[] bars) => new() { VendorId = 1, DeviceId = 2, ClassCode = 0xFF0000, Bars = bars };

    private void Place(int slot, int bar, uint gpa)
    {
        _board.Write(slot, Bar0 + (4 * bar), gpa);
        _board.SetCommand(slot, PciBoard.Memory);
    }
}
