using FsCheck;
using FsCheck.Xunit;
using Vivarium.Bus.Tests.Fakes;

namespace Vivarium.Bus.Tests.Pci;

public sealed class PciInterruptTests
{
    private const int Slot = 2;
    private const ulong Gpa = 0xE000_0000;
    private const int Vectors = 70;
    private const uint PendingOffset = 0x800;

    private readonly PciBoard _board = new();

    [Theory]
    [InlineData(1, PciInterruptPin.A, 17, 11)]
    [InlineData(2, PciInterruptPin.A, 18, 10)]
    [InlineData(2, PciInterruptPin.D, 17, 11)]
    [InlineData(31, PciInterruptPin.B, 16, 10)]
    public void A_pin_reaches_the_wire_of_its_slot(int slot, PciInterruptPin pin, int ioApicPin, int isaIrq)
    {
        var function = _board.Add(slot, Description() with { InterruptPin = pin });
        function.Host.SetInterruptPin(true);
        Assert.Equal([isaIrq, ioApicPin], _board.RaisedPins.Order());
        Assert.Equal(0x08u, _board.Read(slot, 6, 2) & 0x08);
        function.Host.SetInterruptPin(false);
        Assert.Empty(_board.RaisedPins);
        Assert.Equal(0u, _board.Read(slot, 6, 2) & 0x08);
    }

    [Fact]
    public void Devices_share_a_wire()
    {
        var first = _board.Add(1, Description() with { InterruptPin = PciInterruptPin.A });
        var second = _board.Add(5, Description() with { InterruptPin = PciInterruptPin.A });
        first.Host.SetInterruptPin(true);
        second.Host.SetInterruptPin(true);
        first.Host.SetInterruptPin(false);
        Assert.Contains(17, _board.RaisedPins);
        second.Host.SetInterruptPin(false);
        Assert.Empty(_board.RaisedPins);
    }

    [Fact]
    public void A_disabled_pin_keeps_its_level_for_later()
    {
        var function = _board.Add(Slot, Description() with { InterruptPin = PciInterruptPin.A });
        function.Host.SetInterruptPin(true);
        _board.SetCommand(Slot, PciBoard.InterruptDisable);
        Assert.Empty(_board.RaisedPins);
        Assert.Equal(0x08u, _board.Read(Slot, 6, 2) & 0x08);
        _board.SetCommand(Slot, 0);
        Assert.Contains(18, _board.RaisedPins);
        EnableMsiX(0x8000);
        Assert.Empty(_board.RaisedPins);
        EnableMsiX(0);
        Assert.Contains(18, _board.RaisedPins);
    }

    [Fact]
    public void Without_messages_a_function_has_to_use_its_pin()
    {
        var function = _board.Add(Slot, Description() with { MsiMessageCount = 1 });
        _board.SetCommand(Slot, PciBoard.BusMaster);
        Assert.False(function.Host.SignalMessage(0));
        EnableMsiX(0x8000);
        Assert.True(function.Host.SignalMessage(0));
        Assert.True(function.Host is { IsMsiXEnabled: true, IsMsiEnabled: false });
    }

    /// <summary>The model: a message waits while it may not be sent, and goes once when it may.</summary>
    [Property(MaxTest = 400)]
    public void MsiX_messages_wait_while_masked_and_go_once((byte What, byte Vector)[] steps)
    {
        var board = new PciBoard();
        var function = Ready(board);
        var masked = Enumerable.Repeat(true, Vectors).ToArray();
        var pending = new bool[Vectors];
        var (isEnabled, isFunctionMasked, isBusMaster) = (false, false, false);
        var expected = new List<(ulong, uint)>();
        foreach (var (what, seed) in steps)
        {
            var vector = seed % (Vectors + 3);
            var isVector = vector < Vectors;
            switch (what % 8)
            {
                case 0 or 1 or 2:
                    Assert.Equal(isEnabled, function.Host.SignalMessage(vector));
                    if (isEnabled && isVector)
                    {
                        pending[vector] = true;
                    }

                    break;
                case 3 or 4 when isVector:
                    masked[vector] = what % 8 == 3;
                    board.Mmio.WriteMmio(Gpa + (16 * (ulong)vector) + 12, 4, masked[vector] ? 0xFFFF_FFFF : 0xFFFF_FFFE);
                    break;
                case 5:
                    isEnabled = (seed & 1) != 0;
                    EnableMsiX(board, isEnabled, isFunctionMasked);
                    break;
                case 6:
                    isFunctionMasked = (seed & 1) != 0;
                    EnableMsiX(board, isEnabled, isFunctionMasked);
                    break;
                case 7:
                    isBusMaster = (seed & 1) != 0;
                    board.SetCommand(Slot, PciBoard.Memory | (isBusMaster ? PciBoard.BusMaster : 0));
                    break;
                default:
                    break;
            }

            for (var i = 0; i < Vectors; i++)
            {
                if (pending[i] && !masked[i] && isEnabled && !isFunctionMasked && isBusMaster)
                {
                    pending[i] = false;
                    expected.Add((0xFEE0_0000UL, 0x100u + (uint)i));
                }

                var bits = board.Mmio.ReadMmio(Gpa + PendingOffset + (8 * ((ulong)i / 64)), 8);
                Assert.Equal(pending[i], ((bits >> (i % 64)) & 1) != 0);
            }

            Assert.Equal(expected, board.Messages);
        }
    }

    [Fact]
    public void Table_accesses_of_every_width_and_place_meet_the_same_bytes()
    {
        var function = Ready(_board);
        _board.Mmio.WriteMmio(Gpa, 8, 0x1122_3344_FEE1_2347);
        _board.Mmio.WriteMmio(Gpa + 9, 2, 0xABCD);
        Assert.Equal(0x1122_3344_FEE1_2344UL, _board.Mmio.ReadMmio(Gpa, 8));
        Assert.Equal(0x0000_0001_00AB_CD00UL, _board.Mmio.ReadMmio(Gpa + 8, 8));
        Assert.Equal(0x44u, _board.Mmio.ReadMmio(Gpa + 4, 1));

        // The pending bits cannot be written; the stretch between table and pending bits is the function's; accesses over borders are split.
        _board.Mmio.WriteMmio(Gpa + PendingOffset, 8, ulong.MaxValue);
        Assert.Equal(0UL, _board.Mmio.ReadMmio(Gpa + PendingOffset, 8));
        Assert.Equal(TestFunction.Answer(0, 0x500), _board.Mmio.ReadMmio(Gpa + 0x500, 4));
        Assert.Equal(0x0000_0460_0000_0001UL, _board.Mmio.ReadMmio(Gpa + (16 * Vectors) - 4, 8));
        _board.Mmio.WriteMmio(Gpa + (16 * Vectors) - 2, 4, 0x1234_5678);
        Assert.Equal((0x460UL, 2, 0x1234UL), function.Writes.Select(each => (each.Offset, each.SizeBytes, each.Value)).Single());
    }

    [Fact]
    public void Messages_to_anything_but_a_local_apic_are_lost()
    {
        var function = Ready(_board);
        _board.SetCommand(Slot, PciBoard.Memory | PciBoard.BusMaster);
        EnableMsiX(0x8000);
        foreach (var address in new[] { 0UL, 0x1000UL, 0xFED0_0000UL, 0x1_FEE0_0000UL, ulong.MaxValue })
        {
            _board.Mmio.WriteMmio(Gpa, 8, address);
            _board.Mmio.WriteMmio(Gpa + 12, 4, 0);
            Assert.True(function.Host.SignalMessage(0));
        }

        Assert.Empty(_board.Messages);
        Assert.Equal(0UL, _board.Mmio.ReadMmio(Gpa + PendingOffset, 8));
    }

    [Theory]
    [InlineData(0, 0x4000u)]
    [InlineData(1, 0x4001u)]
    [InlineData(2, 0x4001u)]
    [InlineData(7, 0x4001u)]
    public void Msi_sends_as_many_messages_as_the_guest_allotted(uint allotted, uint expectedData)
    {
        var function = _board.Add(Slot, Description() with { MsiX = null, MsiMessageCount = 2 });
        var msi = _board.FindCapability(Slot, 0x05);
        _board.Write(Slot, msi + 4, 0xFEE0_1000);
        _board.Write(Slot, msi + 12, 0x4000, 2);
        _board.Write(Slot, msi + 2, (allotted << 4) | 1, 2);
        Assert.True(function.Host is { IsMsiEnabled: true, IsMsiXEnabled: false });
        Assert.True(function.Host.SignalMessage(1));
        Assert.Empty(_board.Messages);
        _board.SetCommand(Slot, PciBoard.BusMaster);
        Assert.Equal([(0xFEE0_1000UL, expectedData)], _board.Messages);
    }

    [Fact]
    public void Masked_msi_messages_wait()
    {
        var function = _board.Add(Slot, Description() with { MsiX = null, MsiMessageCount = 4 });
        var msi = _board.FindCapability(Slot, 0x05);
        _board.SetCommand(Slot, PciBoard.BusMaster);
        _board.Write(Slot, msi + 4, 0xFEE0_0000);
        _board.Write(Slot, msi + 12, 0x30, 2);
        _board.Write(Slot, msi + 16, 0b1010);
        _board.Write(Slot, msi + 2, 0x21, 2);
        for (var i = 0; i < 4; i++)
        {
            function.Host.SignalMessage(i);
            function.Host.SignalMessage(i);
        }

        Assert.Equal([0x30u, 0x30u, 0x32u, 0x32u], _board.Messages.Select(each => each.Data));
        Assert.Equal(0b1010u, _board.Read(Slot, msi + 20));
        _board.Write(Slot, msi + 16, 0b0010);
        Assert.Equal([0x33u], _board.Messages.Skip(4).Select(each => each.Data));
        Assert.Equal(0b0010u, _board.Read(Slot, msi + 20));
    }

    private static PciFunctionDescription Description() => new()
    {
        VendorId = 1,
        DeviceId = 2,
        ClassCode = 0xFF0000,
        Bars = [new PciBar(0, PciBarKind.Memory32, 0x1000)],
        MsiX = new PciMsiX(Vectors, 0, 0, PendingOffset),
        InterruptPin = PciInterruptPin.A,
    };

    private static TestFunction Ready(PciBoard board)
    {
        var function = board.Add(Slot, Description());
        board.Write(Slot, 0x10, (uint)Gpa);
        board.SetCommand(Slot, PciBoard.Memory);
        for (var i = 0UL; i < Vectors; i++)
        {
            board.Mmio.WriteMmio(Gpa + (16 * i), 8, 0xFEE0_0000);
            board.Mmio.WriteMmio(Gpa + (16 * i) + 8, 4, 0x100 + i);
        }

        return function;
    }

    private static void EnableMsiX(PciBoard board, bool isEnabled, bool isMasked) =>
        board.Write(Slot, board.FindCapability(Slot, 0x11) + 2, (isEnabled ? 0x8000u : 0) | (isMasked ? 0x4000u : 0), 2);

    private void EnableMsiX(uint control) => _board.Write(Slot, _board.FindCapability(Slot, 0x11) + 2, control, 2);
}
