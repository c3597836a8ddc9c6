using FsCheck;
using FsCheck.Xunit;
using Vivarium.Bus.Tests.Fakes;

namespace Vivarium.Bus.Tests.Pci;

public sealed class PciHotPlugTests
{
    private const int Slot = 5;
    private const uint Bit = 1u << Slot;

    private readonly PciBoard _board = new();
    private readonly TestFunction _function;
    private readonly PciHotPlug _hotPlug;
    private int _notifications;

    public PciHotPlugTests()
    {
        _function = _board.Add(Slot, Description());
        _board.Add(1, Description());
        _hotPlug = new PciHotPlug(_board.Bus, [Slot], () => _notifications++);
    }

    [Fact]
    public void A_device_that_is_ejected_is_gone_with_its_regions_and_its_pin()
    {
        _board.Write(Slot, 0x10, 0xE000_0000);
        _board.SetCommand(Slot, PciBoard.Memory | PciBoard.BusMaster);
        _function.Host.SetInterruptPin(true);
        _hotPlug.RequestUnplug(Slot);
        Assert.Equal((1, Bit), (_notifications, Read(4)));
        Assert.True(_board.Bus.IsPresent(Slot));
        Assert.Equal(TestFunction.Answer(0, 0), _board.Mmio.ReadMmio(0xE000_0000, 4));

        _hotPlug.WritePort(8, 4, uint.MaxValue);
        Assert.Equal(0u, Read(4));
        Assert.False(_board.Bus.IsPresent(Slot));
        Assert.True(_board.Bus.IsPresent(1));
        Assert.Equal(0xFFFF_FFFFu, _board.Read(Slot, 0));
        Assert.Equal(0xFFFF_FFFFu, _board.Mmio.ReadMmio(0xE000_0000, 4));
        Assert.Empty(_board.RaisedPins);
        Assert.False(_function.Host.IsBusMaster);
        Assert.False(_function.Host.SignalMessage(0));
        _function.Host.SetInterruptPin(true);
        Assert.Empty(_board.RaisedPins);
        _board.Write(Slot, 4, 7, 2);
        Assert.Equal(0xFFFF_FFFFu, _board.Mmio.ReadMmio(0xE000_0000, 4));
    }

    [Fact]
    public void A_device_that_is_plugged_is_as_after_power_on()
    {
        _hotPlug.WritePort(8, 4, Bit);
        _hotPlug.RequestUnplug(Slot);
        Assert.Equal(0, _notifications);
        _hotPlug.Plug(Slot);
        _hotPlug.Plug(Slot);
        Assert.Equal((1, Bit), (_notifications, Read(0)));
        Assert.Equal(0x0002_0001u, _board.Read(Slot, 0));
        Assert.Equal(0u, _board.Read(Slot, 4, 2) & 7);
        _hotPlug.WritePort(0, 4, Bit);
        Assert.Equal(0u, Read(0));
        Assert.Throws<ArgumentException>(() => _hotPlug.Plug(1));
        Assert.Throws<ArgumentException>(() => _hotPlug.RequestUnplug(2));
        Assert.Throws<ArgumentOutOfRangeException>(() => _hotPlug.Plug(32));
    }

    [Property]
    public void Whatever_is_written_fixed_devices_stay((DoNotSize<ushort> Offset, byte Size, DoNotSize<uint> Value)[] accesses)
    {
        foreach (var (offset, size, value) in accesses)
        {
            _hotPlug.WritePort((ushort)(offset.Item % 20), 1 << (size % 3), value.Item);
            _hotPlug.ReadPort((ushort)(offset.Item % 20), 1 << (size % 3), out _);
        }

        Assert.True(_board.Bus.IsPresent(1));
        _hotPlug.Plug(Slot);
        Assert.True(_board.Bus.IsPresent(Slot));
    }

    [Fact]
    public void What_the_guest_is_to_be_told_is_saved()
    {
        _hotPlug.WritePort(8, 4, Bit);
        _hotPlug.Plug(Slot);
        _hotPlug.RequestUnplug(Slot);
        var writer = new StateWriter();
        _hotPlug.Save(writer);
        _hotPlug.Reset();
        Assert.Equal((0u, 0u), (Read(0), Read(4)));
        _hotPlug.Restore(new StateReader("pci-hot-plug", 1, writer.WrittenMemory));
        Assert.Equal((Bit, Bit), (Read(0), Read(4)));
    }

    private static PciFunctionDescription Description() => new()
    {
        VendorId = 1,
        DeviceId = 2,
        ClassCode = 0xFF0000,
        InterruptPin = PciInterruptPin.A,
        Bars = [new PciBar(0, PciBarKind.Memory32, 0x1000)],
        MsiX = new PciMsiX(4, 0, 0, 0x800),
    };

    private uint Read(ushort offset)
    {
        Assert.Equal(IoResult.Ok, _hotPlug.ReadPort(offset, 4, out var value));
        return value;
    }
}
