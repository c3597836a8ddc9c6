using Vivarium.Devices.Tests.Fakes;

namespace Vivarium.Devices.Tests.Chipset;

public sealed class PiixIsaBridgeTests
{
    private readonly RecordingIrqLine?[] _lines = new RecordingIrqLine?[16];
    private readonly PiixIsaBridge _bridge;

    public PiixIsaBridgeTests() => _bridge = new PiixIsaBridge(interrupt => _lines[interrupt] = new RecordingIrqLine());

    private IEnumerable<int> Asserted => Enumerable.Range(0, 16).Where(interrupt => _lines[interrupt] is { Level: true });

    [Fact]
    public void Interrupts_of_the_board_cannot_be_chosen() =>
        Assert.Equal([3, 4, 5, 6, 7, 9, 10, 11, 12, 14, 15], Enumerable.Range(0, 16).Where(interrupt => _lines[interrupt] is not null));

    [Fact]
    public void A_pin_asserts_the_interrupt_that_its_register_names()
    {
        _bridge.SetPin(1, true);
        Assert.Empty(Asserted);
        _bridge.Written([10, 11, 0x80, 0x80], 0, 4);
        Assert.Equal([11], Asserted);
        _bridge.Written([10, 5, 0x80, 0x80], 1, 1);
        Assert.Equal([5], Asserted);
        _bridge.Written([10, 0x85, 0x80, 0x80], 1, 1);
        Assert.Empty(Asserted);

        // The timer's interrupt, and reserved ones.
        _bridge.Written([0, 0, 13, 8], 0, 4);
        Assert.Empty(Asserted);
    }

    [Fact]
    public void Pins_share_an_interrupt()
    {
        _bridge.Written([10, 10, 0x80, 0x80], 0, 4);
        _bridge.SetPin(0, true);
        _bridge.SetPin(1, true);
        _bridge.SetPin(0, false);
        Assert.Equal([10], Asserted);
        Assert.Equal(1, _lines[10]!.Rises);
        _bridge.SetPin(1, false);
        Assert.Empty(Asserted);
    }

    [Fact]
    public void Routes_are_saved_and_a_reset_forgets_them()
    {
        _bridge.Written([9, 10, 11, 12], 0, 4);
        var lines = new RecordingIrqLine?[16];
        var other = new PiixIsaBridge(interrupt => lines[interrupt] = new RecordingIrqLine());
        _bridge.CopyStateTo(other);
        other.SetPin(3, true);
        Assert.True(lines[12]!.Level);
        other.Reset();
        Assert.False(lines[12]!.Level);
    }
}
