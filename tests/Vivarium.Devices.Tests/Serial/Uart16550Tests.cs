using FsCheck.Xunit;
using Vivarium.Devices.Tests.Fakes;

namespace Vivarium.Devices.Tests.Serial;

public sealed class Uart16550Tests
{
    private const int Data = 0;
    private const int InterruptEnable = 1;
    private const int Fifo = 2;
    private const int LineControl = 3;
    private const int ModemControl = 4;
    private const int LineStatus = 5;
    private const int ModemStatus = 6;
    private const int Scratch = 7;

    private readonly FakeClock _clock = new();
    private readonly RecordingIrqLine _irq = new();
    private readonly CollectingSink _sink = new();
    private readonly Uart16550 _uart;

    public Uart16550Tests() => _uart = new Uart16550("uart0", _irq, _sink, _clock);

    [Fact]
    public void Output_reaches_the_sink_at_once()
    {
        foreach (var c in "Linux")
        {
            _uart.Out(Data, c);
        }

        Assert.Equal("Linux", _sink.Text);
        Assert.Equal(0x60, _uart.In(LineStatus));
    }

    [Fact]
    public void Drivers_recognise_a_16550A()
    {
        Assert.Equal(0x01, _uart.In(Fifo));
        _uart.Out(Fifo, 0x01);
        Assert.Equal(0xC1, _uart.In(Fifo));
        _uart.Out(Scratch, 0xA5);
        Assert.Equal(0xA5, _uart.In(Scratch));
        _uart.Out(InterruptEnable, 0xFF);
        Assert.Equal(0x0F, _uart.In(InterruptEnable));
    }

    [Fact]
    public void The_divisor_latch_covers_data_and_interrupt_enable()
    {
        _uart.Out(InterruptEnable, 0x05);
        _uart.Out(LineControl, 0x83);
        _uart.Out(Data, 0x34);
        _uart.Out(InterruptEnable, 0x12);
        Assert.Equal((0x34, 0x12), (_uart.In(Data), _uart.In(InterruptEnable)));
        _uart.Out(LineControl, 0x03);
        Assert.Equal(0x05, _uart.In(InterruptEnable));
        Assert.Equal("", _sink.Text);
    }

    [Fact]
    public void The_transmitter_interrupt_comes_when_enabled_goes_when_identified_and_comes_again_after_a_write()
    {
        _uart.Out(InterruptEnable, 0x02);
        Assert.True(_irq.Level);
        Assert.Equal(0x02, _uart.In(Fifo));
        Assert.False(_irq.Level);
        Assert.Equal(0x01, _uart.In(Fifo));
        _uart.Out(Data, 'x');
        Assert.True(_irq.Level);
    }

    [Fact]
    public void Enabling_an_enabled_transmitter_interrupt_does_not_raise_it_again()
    {
        _uart.Out(InterruptEnable, 0x02);
        _uart.In(Fifo);
        _uart.Out(InterruptEnable, 0x03);
        Assert.False(_irq.Level);
    }

    [Theory]
    [InlineData(0x01, 1)]
    [InlineData(0x41, 4)]
    [InlineData(0x81, 8)]
    [InlineData(0xC1, 14)]
    public void Data_is_announced_at_the_trigger_level(int fifoControl, int level)
    {
        _uart.Out(Fifo, fifoControl);
        _uart.Out(InterruptEnable, 0x01);
        for (var i = 1; i < level; i++)
        {
            Assert.Equal(1, _uart.Receive([(byte)i]));
            Assert.False(_irq.Level);
        }

        _uart.Receive([0xEE]);
        Assert.True(_irq.Level);
        Assert.Equal(0xC4, _uart.In(Fifo));
        _uart.In(Data);
        Assert.False(_irq.Level);
    }

    [Fact]
    public void Characters_below_the_trigger_level_time_out()
    {
        _uart.Out(Fifo, 0xC1);
        _uart.Out(LineControl, 0x83);
        _uart.Out(Data, 1);
        _uart.Out(InterruptEnable, 0);
        _uart.Out(LineControl, 0x03);
        _uart.Out(InterruptEnable, 0x01);
        _uart.Receive([(byte)'a', (byte)'b']);
        _clock.Advance(340_000);
        Assert.False(_irq.Level);
        _clock.Advance(10_000);
        Assert.True(_irq.Level);
        Assert.Equal(0xCC, _uart.In(Fifo));
        Assert.Equal((byte)'a', _uart.In(Data));
        Assert.False(_irq.Level);
        _clock.Advance(400_000);
        Assert.True(_irq.Level);
        Assert.Equal((byte)'b', _uart.In(Data));
        _clock.Advance(400_000);
        Assert.False(_irq.Level);
    }

    [Fact]
    public void The_receiver_takes_what_fits_and_asks_for_more_when_it_is_read()
    {
        var asked = 0;
        _uart.InputSpaceAvailable = () => asked++;
        Assert.Equal(1, _uart.Receive([1, 2]));
        _uart.In(Data);
        Assert.Equal(1, asked);
        _uart.Out(Fifo, 0x01);
        Assert.Equal(16, _uart.Receive(new byte[20]));
        Assert.Equal(0, _uart.Receive([1]));
        _uart.In(Data);
        _uart.In(Data);
        Assert.Equal(2, asked);
        Assert.Equal(2, _uart.InputSpace);
    }

    [Fact]
    public void A_break_is_a_line_status_interrupt_of_the_highest_priority()
    {
        _uart.Out(Fifo, 0x01);
        _uart.Out(InterruptEnable, 0x0F);
        Assert.True(_uart.ReceiveBreak());
        Assert.Equal(0xC6, _uart.In(Fifo));
        Assert.Equal(0xF1, _uart.In(LineStatus));
        Assert.Equal(0xC4, _uart.In(Fifo));
        Assert.Equal(0, _uart.In(Data));
        Assert.Equal(0xC2, _uart.In(Fifo));
    }

    [Fact]
    public void Loopback_returns_characters_and_modem_outputs()
    {
        _uart.Out(ModemControl, 0x1A);
        Assert.Equal(0x90, _uart.In(ModemStatus) & 0xF0);
        _uart.Out(Data, 0x5A);
        Assert.Equal("", _sink.Text);
        Assert.Equal(0x61, _uart.In(LineStatus));
        Assert.Equal(0, _uart.Receive([1]));
        Assert.Equal(0x5A, _uart.In(Data));
        _uart.Out(ModemControl, 0x14);
        _uart.In(ModemStatus);
        _uart.Out(ModemControl, 0x10);
        Assert.Equal(0x04, _uart.In(ModemStatus));
        Assert.Equal(0x00, _uart.In(ModemStatus));
    }

    [Fact]
    public void Overrun_without_a_fifo_keeps_the_new_character_and_with_one_the_old()
    {
        _uart.Out(ModemControl, 0x10);
        _uart.Out(Data, 1);
        _uart.Out(Data, 2);
        Assert.Equal(0x63, _uart.In(LineStatus));
        Assert.Equal(2, _uart.In(Data));
        _uart.Out(Fifo, 0x01);
        for (var i = 0; i < 17; i++)
        {
            _uart.Out(Data, i);
        }

        Assert.Equal(0x63, _uart.In(LineStatus));
        Assert.Equal(Enumerable.Range(0, 16), Enumerable.Range(0, 16).Select(_ => (int)_uart.In(Data)));
        Assert.Equal(0x60, _uart.In(LineStatus));
    }

    [Property]
    public void A_restored_port_answers_as_the_original(int[] before, byte[] input, int[] after) =>
        PortScript.AssertStateRoundTrip(before, after, (clock, irq) =>
        {
            var uart = new Uart16550("uart0", irq, new CollectingSink(), clock);
            uart.Receive(input);
            return (uart, [uart]);
        });

    [Property]
    public void No_access_sequence_throws(int[] steps, byte[] input)
    {
        _uart.Receive(input);
        PortScript.Run(steps, _clock, _uart);
        _uart.Receive(input);
        Assert.InRange(_uart.InputSpace, 0, 16);
    }
}
