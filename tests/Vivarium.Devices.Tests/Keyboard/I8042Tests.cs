using FsCheck.Xunit;
using Vivarium.Devices.Tests.Fakes;

namespace Vivarium.Devices.Tests.Keyboard;

public sealed class I8042Tests
{
    private readonly RecordingIrqLine _keyboardIrq = new();
    private readonly RecordingIrqLine _mouseIrq = new();
    private readonly FakePower _power = new();
    private readonly I8042 _controller;

    public I8042Tests() => _controller = new I8042(_keyboardIrq, _mouseIrq, _power, _power);

    [Fact]
    public void Self_tests_pass()
    {
        Command(0xAA);
        Assert.Equal(0x55, Data());
        Assert.Equal(0x1C, Status());
        Command(0xAB);
        Assert.Equal(0x00, Data());
        Command(0xA9);
        Assert.Equal(0x00, Data());
    }

    [Fact]
    public void The_command_byte_and_the_controllers_memory()
    {
        Command(0x60);
        _controller.DataPort.Out(0, 0x47);
        Command(0x20);
        Assert.Equal(0x47, Data());
        Command(0xAD);
        Command(0xA7);
        Command(0x20);
        Assert.Equal(0x77, Data());
        Command(0xAE);
        Command(0xA8);
        Command(0x20);
        Assert.Equal(0x47, Data());
        Command(0x7F);
        _controller.DataPort.Out(0, 0x99);
        Command(0x3F);
        Assert.Equal(0x99, Data());
    }

    [Fact]
    public void Keys_are_translated_to_set_1_and_interrupt_one_by_one()
    {
        Assert.True(_controller.TrySendScanCodes([0x1C, 0xF0, 0x1C, 0xE0, 0x75]));
        Assert.True(_keyboardIrq.Level);
        Assert.Equal([0x1E, 0x9E, 0xE0, 0x48], new[] { Data(), Data(), Data(), Data() });
        Assert.Equal(4, _keyboardIrq.Rises);
        Assert.False(_keyboardIrq.Level);
        Assert.Equal(0, Status() & 1);
    }

    [Fact]
    public void Without_translation_the_keyboard_speaks_set_2_or_set_1_if_told()
    {
        WriteMode(0x01);
        _controller.TrySendScanCodes([0xF0, 0x1C]);
        Assert.Equal([0xF0, 0x1C], new[] { Data(), Data() });
        Assert.Equal(0xFA, Keyboard(0xF0));
        Assert.Equal(0xFA, Keyboard(0x01));
        _controller.TrySendScanCodes([0xF0, 0x1C]);
        Assert.Equal(0x9E, Data());
        Assert.Equal(0xFA, Keyboard(0xF0));
        Assert.Equal(0xFA, Keyboard(0x00));
        Assert.Equal(0x01, Data());
        Assert.Equal(0xFA, Keyboard(0xF0));
        Assert.Equal(0xFE, Keyboard(0x03));
    }

    [Fact]
    public void The_keyboard_answers_its_commands()
    {
        WriteMode(0x01);
        Assert.Equal(0xFA, Keyboard(0xFF));
        Assert.Equal(0xAA, Data());
        Assert.Equal(0xFA, Keyboard(0xF2));
        Assert.Equal([0xAB, 0x83], new[] { Data(), Data() });
        Assert.Equal(0x83, Keyboard(0xFE));
        Assert.Equal(0xEE, Keyboard(0xEE));
        Assert.Equal(0xFA, Keyboard(0xED));
        Assert.Equal(0xFA, Keyboard(0x05));
        Assert.Equal(5, _controller.KeyboardLeds);
        Assert.Equal(0xFA, Keyboard(0xF3));
        Assert.Equal(0xFA, Keyboard(0x20));
        Assert.Equal(0xFE, Keyboard(0x05));
        Assert.Equal(0xFA, Keyboard(0xF5));
        Assert.False(_controller.TrySendScanCodes([0x1C]));
        Assert.Equal(0xFA, Keyboard(0xF4));
        Assert.True(_controller.TrySendScanCodes([0x1C]));
    }

    [Fact]
    public void A_full_keyboard_buffer_refuses_whole_keys()
    {
        var sent = 0;
        while (_controller.TrySendScanCodes([0xE0, 0xF0, 0x75]))
        {
            sent++;
        }

        Assert.InRange(sent, 16, 32);
        for (var i = 0; i < sent; i++)
        {
            Assert.Equal([0xE0, 0xC8], new[] { Data(), Data() });
        }

        Assert.Equal(0, Status() & 1);
    }

    [Fact]
    public void A_disabled_interface_holds_its_bytes_back()
    {
        Command(0xAD);
        _controller.TrySendScanCodes([0x1C]);
        Assert.Equal(0, Status() & 1);
        Command(0xAE);
        Assert.Equal(0x1E, Data());
    }

    [Fact]
    public void The_mouse_identifies_itself_and_knows_the_wheel_knock()
    {
        Assert.Equal(0xFA, Mouse(0xFF));
        Assert.Equal([0xAA, 0x00], new[] { Data(), Data() });
        Knock(200, 100, 80);
        Assert.Equal(0xFA, Mouse(0xF2));
        Assert.Equal(0x03, Data());
        Knock(200, 200, 80);
        Assert.Equal(0xFA, Mouse(0xF2));
        Assert.Equal(0x04, Data());
        Assert.Equal(0xFA, Mouse(0xE9));
        Assert.Equal([0x00, 0x02, 80], new[] { Data(), Data(), Data() });
    }

    [Fact]
    public void Movement_is_reported_in_packets_on_irq_12()
    {
        _controller.MoveMouse(5, 5, 0, 0);
        Assert.Equal(0, Status() & 1);
        Assert.Equal(0xFA, Mouse(0xF5));
        Mouse(0xF6);
        Assert.Equal(0xFA, Mouse(0xF4));
        var before = _mouseIrq.Rises;
        _controller.MoveMouse(300, -3, 0, 0x01);
        Assert.Equal(0x31, Status() & 0x31);
        Assert.Equal([0x29, 0xFF, 0xFD], new[] { Data(), Data(), Data() });
        Assert.Equal([0x09, 0x2D, 0x00], new[] { Data(), Data(), Data() });
        Assert.Equal(before + 6, _mouseIrq.Rises);
    }

    [Fact]
    public void Wrap_mode_echoes_and_remote_mode_waits_to_be_asked()
    {
        Assert.Equal(0xFA, Mouse(0xEE));
        Assert.Equal(0x55, Mouse(0x55));
        Assert.Equal(0xFA, Mouse(0xEC));
        Assert.Equal(0xFA, Mouse(0xF0));
        Assert.Equal(0xFA, Mouse(0xF4));
        _controller.MoveMouse(1, 2, 0, 0);
        Assert.Equal(0, Status() & 1);
        Assert.Equal(0xFA, Mouse(0xEB));
        Assert.Equal([0x08, 0x01, 0x02], new[] { Data(), Data(), Data() });
    }

    [Fact]
    public void A20_and_reset_lines()
    {
        Command(0xD1);
        _controller.DataPort.Out(0, 0x03);
        Assert.True(_power.IsOpen);
        Command(0xD0);
        Assert.Equal(0x03, Data());
        Command(0xDD);
        Assert.False(_power.IsOpen);
        Command(0xDF);
        Assert.True(_power.IsOpen);
        Assert.Equal(0, _power.Resets);
        Command(0xFF);
        Assert.Equal(0, _power.Resets);
        Command(0xFE);
        Assert.Equal(1, _power.Resets);
        Command(0xD1);
        _controller.DataPort.Out(0, 0x02);
        Assert.Equal(2, _power.Resets);
    }

    [Fact]
    public void Looped_back_bytes_come_from_where_they_were_sent()
    {
        Command(0xD2);
        _controller.DataPort.Out(0, 0x12);
        Assert.Equal(0x11, Status() & 0x31);
        Assert.Equal(0x12, Data());
        Command(0xD3);
        _controller.DataPort.Out(0, 0x34);
        Assert.Equal(0x31, Status() & 0x31);
        Assert.True(_mouseIrq.Level);
        Assert.Equal(0x34, Data());
    }

    [Property]
    public void A_restored_controller_answers_as_the_original(int[] before, byte[] keys, int[] after)
    {
        // The gate belongs to the processor: the copy finds it as the original left it.
        var gates = new List<FakePower> { new() };
        PortScript.AssertStateRoundTrip(before, after, (_, irq) =>
        {
            gates.Add(new FakePower { IsOpen = gates[^1].IsOpen });
            var controller = new I8042(irq, new RecordingIrqLine(), _power, gates[^1]);
            controller.TrySendScanCodes(keys);
            return (controller, [controller.DataPort, controller.CommandPort]);
        });
    }

    [Property]
    public void No_access_sequence_throws((byte Kind, byte Value)[] steps, byte[] keys)
    {
        foreach (var (kind, value) in steps)
        {
            var port = (kind & 1) == 0 ? _controller.DataPort : _controller.CommandPort;
            port.Out(0, value);
            port.In(0);
            _controller.TrySendScanCodes(keys);
            _controller.MoveMouse(value << kind, -value << kind, kind - 128, value);
            if ((kind & 2) != 0)
            {
                _controller.DataPort.In(0);
            }
        }
    }

    private byte Status() => _controller.CommandPort.In(0);

    private byte Data() => _controller.DataPort.In(0);

    private void Command(int command) => _controller.CommandPort.Out(0, command);

    private byte Keyboard(int value)
    {
        _controller.DataPort.Out(0, value);
        return Data();
    }

    private byte Mouse(int value)
    {
        Command(0xD4);
        return Keyboard(value);
    }

    private void WriteMode(int mode)
    {
        Command(0x60);
        _controller.DataPort.Out(0, mode);
    }

    private void Knock(params int[] rates)
    {
        foreach (var rate in rates)
        {
            Mouse(0xF3);
            Mouse(rate);
        }
    }
}
