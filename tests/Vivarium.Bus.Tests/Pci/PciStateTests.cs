using FsCheck;
using FsCheck.Xunit;
using Vivarium.Bus.Tests.Fakes;

namespace Vivarium.Bus.Tests.Pci;

public sealed class PciStateTests
{
    private const int Slot = 2;
    private const ulong Gpa = 0xE000_0000;

    [Property]
    public void A_restored_function_is_the_saved_one((byte Register, DoNotSize<uint> Value)[] writes, bool pin, byte pendingVector)
    {
        var (board, function) = Create();
        foreach (var (register, value) in writes)
        {
            board.Write(Slot, register & 0xFC, value.Item);
        }

        function.Host.SetInterruptPin(pin);
        function.Host.SignalMessage(pendingVector % 8);
        var (other, _) = Create();
        other.Units[0].Restore(Saved(board.Units[0]));
        Assert.Equal(Look(board), Look(other));
        Assert.Equal(board.RaisedPins, other.RaisedPins);
        Assert.Equal(Bytes(board.Units[0]), Bytes(other.Units[0]));
    }

    [Fact]
    public void A_pending_message_goes_after_the_restore()
    {
        var (board, function) = Create();
        board.SetCommand(Slot, PciBoard.Memory | PciBoard.BusMaster);
        board.Write(Slot, 0x10, (uint)Gpa);
        board.Mmio.WriteMmio(Gpa + 0x30, 8, 0xFEE0_0000);
        board.Mmio.WriteMmio(Gpa + 0x38, 4, 0x77);
        board.Write(Slot, board.FindCapability(Slot, 0x11) + 2, 0x8000, 2);
        function.Host.SignalMessage(3);
        var (other, _) = Create();
        other.Units[0].Restore(Saved(board.Units[0]));
        Assert.Empty(other.Messages);
        other.Mmio.WriteMmio(Gpa + 0x3C, 4, 0);
        Assert.Equal([(0xFEE0_0000UL, 0x77u)], other.Messages);
        other.Units[0].Reset();
        Assert.Equal(0xFFFF_FFFFu, other.Mmio.ReadMmio(Gpa + 0x30, 4));
    }

    [Property(MaxTest = 300)]
    public void Altered_states_are_refused_or_give_a_function_that_works((DoNotSize<ushort> Position, byte Value)[] changes)
    {
        var (board, _) = Create();
        var fields = Bytes(board.Units[0]);
        foreach (var (position, value) in changes)
        {
            fields[position.Item % fields.Length] = value;
        }

        var (other, function) = Create();
        try
        {
            other.Units[0].Restore(new StateReader("pci-02.0", 1, fields));
        }
        catch (StateFormatException)
        {
            return;
        }

        Assert.Equal(0x0002_0001u, other.Read(Slot, 0));
        function.Host.SignalMessage(1);
        function.Host.SetInterruptPin(true);
        Look(other);
    }

    [Fact]
    public void The_address_port_is_saved()
    {
        var board = new PciBoard();
        board.Ports.WritePort(0xCF8, 4, 0x8000_1234);
        var other = new PciBoard();
        other.Access.Restore(Saved(board.Access));
        Assert.Equal(0x8000_1234u, other.Ports.ReadPort(0xCF8, 4));
        other.Access.Reset();
        Assert.Equal(0u, other.Ports.ReadPort(0xCF8, 4));
    }

    private static (PciBoard Board, TestFunction Function) Create()
    {
        var board = new PciBoard();
        var function = board.Add(Slot, new PciFunctionDescription
        {
            VendorId = 1,
            DeviceId = 2,
            ClassCode = 0xFF0000,
            Bars = [new PciBar(0, PciBarKind.Memory32, 0x1000), new PciBar(1, PciBarKind.Io, 16), new PciBar(2, PciBarKind.Memory64, 0x1000)],
            MsiX = new PciMsiX(8, 0, 0, 0x800),
            MsiMessageCount = 2,
            InterruptPin = PciInterruptPin.B,
            Registers = [new PciRegisters(0xF0, [1, 2, 3, 4], [0xFF, 0, 0xFF, 0])],
        });
        return (board, function);
    }

    private static uint[] Look(PciBoard board) => [.. Enumerable.Range(0, 64).Select(i => board.Read(Slot, 4 * i))];

    private static byte[] Bytes(IStateUnit unit)
    {
        var writer = new StateWriter();
        unit.Save(writer);
        return writer.WrittenMemory.ToArray();
    }

    private static StateReader Saved(IStateUnit unit) => new(unit.StateName, unit.StateVersion, Bytes(unit));
}
