using Vivarium.Bus;
using Vivarium.Devices.Tests.Fakes;

namespace Vivarium.Devices.Tests;

/// <summary>
/// The chips on one board with buses and wires, without a processor: interrupts find their way, and a copy of the board goes on.
/// </summary>
public sealed class BoardTests
{
    [Fact]
    public void The_timer_interrupts_through_the_8259_before_the_ioapic_is_set_up()
    {
        var board = new Board(new FakeClock());
        board.InitializePics();
        board.StartTimer();
        Assert.Equal(Enumerable.Repeat(0x30, 10), board.Run(10, endAt8259: true));
    }

    [Fact]
    public void The_timer_interrupts_through_pin_2_of_the_ioapic()
    {
        var board = new Board(new FakeClock());
        board.EnableApic();
        board.WriteIoApic(pin: 2, 0x0000_0041);
        board.StartTimer();
        Assert.Equal(Enumerable.Repeat(0x41, 10), board.Run(10, endAt8259: false));
    }

    [Fact]
    public void A_level_interrupt_is_shared_and_ends_when_both_devices_let_go()
    {
        var board = new Board(new FakeClock());
        board.EnableApic();
        board.WriteIoApic(pin: 9, 0x0000_8051);
        var other = board.Router.Connect(9);
        other.SetLevel(true);
        board.Ports.WritePort(0x602, 2, 0x0100);
        board.Pm.PressPowerButton();
        Assert.Equal(0x51, board.TakeAndEnd());
        other.SetLevel(false);
        Assert.Equal(0x51, board.TakeAndEnd());
        board.Ports.WritePort(0x600, 2, 0x0100);
        Assert.Equal(0x51, board.TakeAndEnd());
        Assert.Equal(-1, board.TakeAndEnd());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_copy_of_the_board_goes_on_as_the_original(bool useIoApic)
    {
        var board = new Board(new FakeClock());
        board.InitializePics();
        if (useIoApic)
        {
            board.EnableApic();
            board.WriteIoApic(pin: 2, 0x0000_0041);
            board.WriteIoApic(pin: 4, 0x0000_0042);
        }

        board.StartTimer();
        board.Ports.WritePort(0x3F9, 1, 0x03);
        board.Run(3, !useIoApic);
        board.Clock.Advance(3_333_333);

        var copy = new Board(new FakeClock(board.Clock.NowNs));
        foreach (var (unit, other) in board.RestoreOrder.Zip(copy.RestoreOrder))
        {
            unit.CopyStateTo(other);
        }

        Assert.Equal(board.Apic.HasPendingInterrupt, copy.Apic.HasPendingInterrupt);
        Assert.Equal(board.Run(20, !useIoApic), copy.Run(20, !useIoApic));
        Assert.Equal(board.Clock.NowNs, copy.Clock.NowNs);
        foreach (var (unit, other) in board.RestoreOrder.Zip(copy.RestoreOrder))
        {
            Assert.Equal(unit.SaveToArray(), other.SaveToArray());
        }
    }

    private sealed class Board
    {
        public Board(FakeClock clock)
        {
            Clock = clock;
            var deviceLock = new Lock();
            Ports = new PortBus(deviceLock);
            var apics = new LocalApicSet(deviceLock);
            Pic = new Pic8259Pair(apics.Lint0);
            apics.ExternalInterrupts = Pic;
            IoApic = new IoApic(apics);
            apics.AddEoiListener(IoApic);
            Router.RoutePc(Pic, IoApic);
            var vcpu = new FakeVcpu(clock);
            Apic = new LocalApic(0, true, apics, clock);
            Apic.Connect(vcpu, vcpu);

            Pit = new Pit8254(Router.Connect(0), clock);
            Uart = new Uart16550("uart0", Router.Connect(4), new CollectingSink(), clock);
            Pm = new AcpiPowerManagement(Router.Connect(9), clock, new FakePower());
            Ports.Map(0x20, 2, Pic.Master, "pic0");
            Ports.Map(0xA0, 2, Pic.Slave, "pic1");
            Ports.Map(0x40, 4, Pit, "pit");
            Ports.Map(0x3F8, 8, Uart, "uart0");
            Ports.Map(0x600, AcpiPowerManagement.PortCount, Pm, "acpi-pm");
        }

        public FakeClock Clock { get; }

        public PortBus Ports { get; }

        public InterruptRouter Router { get; } = new();

        public Pic8259Pair Pic { get; }

        public IoApic IoApic { get; }

        public LocalApic Apic { get; }

        public Pit8254 Pit { get; }

        public Uart16550 Uart { get; }

        public AcpiPowerManagement Pm { get; }

        /// <summary>Devices, then controllers, then local APICs.</summary>
        public IStateUnit[] RestoreOrder => [Pit, Uart, Pm, Pic, IoApic, Apic];

        public void InitializePics()
        {
            foreach (var (port, vectors, cascade) in new[] { (0x20, 0x30, 0x04), (0xA0, 0x38, 0x02) })
            {
                Ports.WritePort((ushort)port, 1, 0x11);
                Ports.WritePort((ushort)(port + 1), 1, (uint)vectors);
                Ports.WritePort((ushort)(port + 1), 1, (uint)cascade);
                Ports.WritePort((ushort)(port + 1), 1, 0x01);
            }
        }

        public void EnableApic()
        {
            Ports.WritePort(0x21, 2, 0xFF);
            Ports.WritePort(0xA1, 1, 0xFF);
            Apic.WriteRegister(0xF0, 4, 0x1FF);
            Apic.WriteRegister(0x350, 4, 0x1_0700);
        }

        public void WriteIoApic(int pin, uint entry)
        {
            IoApic.WriteMmio(0, 4, (ulong)(0x10 + 2 * pin));
            IoApic.WriteMmio(0x10, 4, entry);
        }

        /// <summary>100 interrupts a second.</summary>
        public void StartTimer()
        {
            Ports.WritePort(0x43, 1, 0x34);
            Ports.WritePort(0x40, 1, 11932 & 0xFF);
            Ports.WritePort(0x40, 1, 11932 >> 8);
        }

        /// <summary>Lets time pass until so many interrupts were taken, and returns their vectors.</summary>
        public List<int> Run(int count, bool endAt8259)
        {
            var vectors = new List<int>();
            while (vectors.Count < count)
            {
                Clock.Advance(1_000_000);
                var vector = Apic.AcknowledgeInterrupt();
                if (vector < 0)
                {
                    continue;
                }

                vectors.Add(vector);
                if (endAt8259)
                {
                    Ports.WritePort(0x20, 1, 0x20);
                }
                else
                {
                    Apic.WriteRegister(0xB0, 4, 0);
                }
            }

            return vectors;
        }

        public int TakeAndEnd()
        {
            var vector = Apic.AcknowledgeInterrupt();
            Apic.WriteRegister(0xB0, 4, 0);
            return vector;
        }
    }
}
