using Vivarium.Bus;
using Vivarium.Devices;

namespace Vivarium;

/// <summary>The built-in devices of a preset and their wires: what is soldered to the board of a PC.</summary>
internal sealed class PlatformBoard
{
    private static readonly (ushort Port, byte Irq)[] s_serialPorts = [(0x3F8, 4), (0x2F8, 3)];

    private readonly InterruptRouter _router;
    private readonly int _serialPortCount;
    private readonly bool _isPc;
    private readonly FirmwareBoard? _firmware;

    public PlatformBoard(
        MachineConfiguration configuration,
        DeviceContext context,
        PortBus ports,
        MmioBus mmio,
        InterruptRouter router,
        A20Gate a20,
        IReadOnlyList<SerialPort> serialPorts,
        ICharacterSink debugConsole,
        bool hasPci,
        FirmwareBoard? firmware = null)
    {
        _firmware = firmware;
        _router = router;
        A20 = a20;
        _serialPortCount = serialPorts.Count;
        _isPc = configuration.Preset != MachinePreset.MicroVm;
        Apics = new LocalApicSet(context.DeviceLock);
        router.AttachMsiTarget(Apics);
        AttachInterruptControllers(context, ports, mmio);
        var rtc = AttachTimers(context, configuration.MemoryBytes);
        PowerManagement = new AcpiPowerManagement(context.ConnectIrq(9), context.Clock, context.Power);
        var reset = AttachPower(context);
        if (hasPci)
        {
            Pci = new PciComplex(context, ports, mmio, router, reset, configuration.MemoryBytes, firmware);
            context.Pci = Pci;
            if (firmware is not null)
            {
                FirmwareBoard.AttachFunctions(context, router);
            }
        }
        else
        {
            context.MapPorts(0xCF9, 1, reset, "reset-control");
        }

        var console = new DebugConsole(debugConsole);
        context.MapPorts(0xE9, 1, console, "debug console");
        context.MapPorts(0x402, 1, console, "firmware debug console");
        context.MapPorts(0xF4, 4, new DebugExitPort(context.Power), "debug exit");
        CoprocessorError = new CoprocessorErrorPort(context.ConnectIrq(13));
        context.MapPorts(0xF0, 1, CoprocessorError, "coprocessor error");
        context.AddStateUnit(CoprocessorError);
        if (_isPc)
        {
            AttachKeyboard(context);
            var firmwareConfig = AttachFirmwareConfig(context, configuration, hasPci);
            firmware?.Describe(configuration, rtc, firmwareConfig);
            if (firmware is not null)
            {
                FirmwareBoard.AttachHpet(context, router);
            }
        }

        for (var i = 0; i < serialPorts.Count; i++)
        {
            AttachSerialPort(context, serialPorts[i], i);
        }
    }

    public LocalApicSet Apics { get; }

    public A20Gate A20 { get; }

    /// <summary>Has the power button.</summary>
    public AcpiPowerManagement PowerManagement { get; }

    /// <summary>The PCI bus; null if there is none.</summary>
    public PciComplex? Pci { get; }

    /// <summary>Where the bootstrap processor's FERR# goes.</summary>
    public CoprocessorErrorPort CoprocessorError { get; }

    /// <summary>All devices are attached.</summary>
    public void FinishPci(DeviceContext context) => Pci?.Finish(context, PowerManagement.RaiseGeneralPurposeEvent);

    /// <summary>The tables that tell an operating system what is here.</summary>
    /// <returns>The tables; null if firmware has been given them.</returns>
    public byte[]? CreateAcpiTables(int cpuCount)
    {
        var configuration = new AcpiConfiguration
        {
            ApicIds = [.. Enumerable.Range(0, cpuCount).Select(index => (uint)index)],
            SerialPorts = s_serialPorts[.._serialPortCount],
            HasKeyboardController = _isPc,
            Pci = Pci?.Describe(),
        };
        if (_firmware is null)
        {
            return AcpiTables.Build(configuration);
        }

        _firmware.GiveTables(configuration);
        return null;
    }

    private void AttachInterruptControllers(DeviceContext context, PortBus ports, MmioBus mmio)
    {
        var pic = new Pic8259Pair(Apics.Lint0);
        Apics.ExternalInterrupts = pic;
        ports.Map(0x20, 2, pic.Master, "pic0");
        ports.Map(0xA0, 2, pic.Slave, "pic1");
        ports.Map(0x4D0, 2, pic.EdgeLevelPorts, "elcr");
        context.AddStateUnit(pic);
        var ioApic = new IoApic(Apics);
        Apics.AddEoiListener(ioApic);
        mmio.Map(IoApic.DefaultAddress, IoApic.RegionSizeBytes, ioApic, "ioapic0");
        context.AddStateUnit(ioApic);
        _router.RoutePc(pic, ioApic);
    }

    private static RtcMc146818 AttachTimers(DeviceContext context, ulong memoryBytes)
    {
        var pit = new Pit8254(context.ConnectIrq(0), context.Clock);
        context.MapPorts(0x40, 4, pit, "pit");
        context.MapPorts(0x61, 1, pit.PortB, "port 0x61");
        context.AddStateUnit(pit);
        var rtc = new RtcMc146818(context.ConnectIrq(8), context.Clock);
        var belowBytes = Math.Min(memoryBytes, MemoryLayout.DeviceHoleGpa);
        rtc.SetMemorySize(belowBytes, memoryBytes - belowBytes);
        context.MapPorts(0x70, 2, rtc, "rtc");
        context.AddStateUnit(rtc);
        return rtc;
    }

    private ResetControlRegister AttachPower(DeviceContext context)
    {
        context.MapPorts(0x600, AcpiPowerManagement.PortCount, PowerManagement, "acpi-pm");
        context.AddStateUnit(PowerManagement);
        context.AddStateUnit(A20);
        var portA = new SystemControlPortA(context.Power, A20);
        context.MapPorts(0x92, 1, portA, "port92");
        context.AddStateUnit(portA);
        var reset = new ResetControlRegister(context.Power);
        context.AddStateUnit(reset);
        return reset;
    }

    private static FwCfg AttachFirmwareConfig(DeviceContext context, MachineConfiguration configuration, bool hasPci)
    {
        var firmware = new FwCfg(context.Memory);
        firmware.SetItem(FwCfgItem.RamSize, configuration.MemoryBytes);
        firmware.SetItem(FwCfgItem.ProcessorCount, (ushort)configuration.CpuCount);
        firmware.SetItem(FwCfgItem.MaximumProcessorCount, (ushort)configuration.CpuCount);
        firmware.AddFile("etc/e820", MemoryLayout.CreateFirmwareMap(configuration.MemoryBytes, hasPci));
        context.MapPorts(0x510, 2, firmware, "fw-cfg");
        context.MapPorts(0x514, 8, firmware.DmaPorts, "fw-cfg DMA");
        context.AddStateUnit(firmware);
        return firmware;
    }

    private void AttachKeyboard(DeviceContext context)
    {
        var keyboard = new I8042(context.ConnectIrq(1), context.ConnectIrq(12), context.Power, A20);
        context.MapPorts(0x60, 1, keyboard.DataPort, "i8042 data");
        context.MapPorts(0x64, 1, keyboard.CommandPort, "i8042 command");
        context.AddStateUnit(keyboard);
    }

    private static void AttachSerialPort(DeviceContext context, SerialPort port, int index)
    {
        var name = $"uart{index}";
        var uart = new Uart16550(name, context.ConnectIrq(s_serialPorts[index].Irq), port, context.Clock)
        {
            InputSpaceAvailable = port.OnSpaceAvailable,
        };
        port.Connect(context.Events, chunk => uart.Receive(chunk.Span));
        context.MapPorts(s_serialPorts[index].Port, 8, uart, name);
        context.AddStateUnit(uart);
    }
}
