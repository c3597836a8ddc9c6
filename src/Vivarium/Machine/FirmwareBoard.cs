using System.Buffers.Binary;
using Vivarium.Bus;
using Vivarium.Devices;

namespace Vivarium;

/// <summary>What a board has for QEMU's firmware besides the parts of a PC: the chipset's PCI functions, and what fw_cfg and CMOS say.</summary>
internal sealed class FirmwareBoard(IReadOnlyList<IShadowRam> shadows, FirmwareOptions options)
{
    private const int CmosBootOrder2 = 0x38;
    private const int CmosBootOrder01 = 0x3D;
    private const int CmosProcessors = 0x5F;
    private const int PiixSlot = 1;
    private const int PiixPowerFunctionNumber = 3;

    /// <summary>What SeaBIOS chooses for PIRQA# to PIRQD#, which are the wires 1, 2, 3 and 0.</summary>
    private static readonly byte[] s_pirqIrqs = [10, 10, 11, 11];

    private FwCfg? _config;

    /// <summary>The pins of the ISA bridge follow the IOAPIC's among the router's interrupts.</summary>
    private const int FirstPirq = 24;

    /// <summary>How many interrupts the router needs.</summary>
    public const int InterruptCount = FirstPirq + PiixIsaBridge.PirqCount;

    /// <summary>For each interrupt wire of the PCI bus what it drives: a pin of the IOAPIC, and a PIRQ of the ISA bridge.</summary>
    public static IReadOnlyList<IReadOnlyList<int>> Interrupts { get; } = [.. Enumerable.Range(0, 4).Select(wire => (int[])[16 + wire, FirstPirq + FindPirq(wire)])];

    public IPciFunction CreateHostBridge() => new I440FxHostBridge(shadows);

    /// <summary>The ISA interrupt to which firmware routes a wire, for systems with ACPI that use the 8259 pair.</summary>
    public static byte FindIsaInterrupt(int wire) => s_pirqIrqs[FindPirq(wire)];

    public static void AttachFunctions(DeviceContext context, InterruptRouter router)
    {
        var bridge = new PiixIsaBridge(context.ConnectIrq);
        for (var pirq = 0; pirq < PiixIsaBridge.PirqCount; pirq++)
        {
            router.Route(FirstPirq + pirq, bridge, pirq);
        }

        context.AddPciFunction(_ => bridge, new PciAddress(PiixSlot));
        context.AddPciFunction(_ => new PiixPowerFunction(), new PciAddress(PiixSlot, PiixPowerFunctionNumber));
    }

    public static void AttachHpet(DeviceContext context, InterruptRouter router)
    {
        var hpet = new Hpet([.. Enumerable.Range(Hpet.FirstPin, Hpet.PinCount).Select(context.ConnectIrq)], context.Clock, router);
        context.MapMmio(Hpet.DefaultAddress, Hpet.RegionSizeBytes, hpet, "hpet");
        context.AddStateUnit(hpet);
    }

    /// <summary>Fills in what is known before all devices are attached.</summary>
    public void Describe(MachineConfiguration configuration, RtcMc146818 rtc, FwCfg config)
    {
        _config = config;
        rtc.SetCmos(CmosProcessors, (byte)(configuration.CpuCount - 1));
        var order = options.BootOrder;
        rtc.SetCmos(CmosBootOrder01, (byte)(Digit(0) | (Digit(1) << 4)));
        rtc.SetCmos(CmosBootOrder2, (byte)((Digit(2) << 4) | 1));
        config.AddFile("etc/show-boot-menu", Number(options.HasBootMenu ? 1 : 0));
        config.AddFile("etc/boot-fail-wait", Number((long)options.BootFailureWait.TotalMilliseconds));
        if (options.HasSerialConsole)
        {
            config.AddFile("etc/sercon-port", Number(0x3F8));
        }

        int Digit(int index) => index < order.Count ? (int)order[index] : 0;
    }

    /// <summary>Gives firmware the ACPI tables of the whole machine.</summary>
    public void GiveTables(AcpiConfiguration configuration)
    {
        var files = AcpiTables.BuildForFirmware(configuration with { AdditionalTables = [.. configuration.AdditionalTables, Hpet.CreateAcpiTable()] });
        _config!.AddFile(AcpiFirmwareFiles.RsdpName, files.Rsdp);
        _config.AddFile(AcpiFirmwareFiles.TablesName, files.Tables);
        _config.AddFile(AcpiFirmwareFiles.CommandsName, files.Commands);
    }

    private static int FindPirq(int wire) => (wire + 3) % PiixIsaBridge.PirqCount;

    private static byte[] Number(long value)
    {
        var bytes = new byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, value);
        return bytes;
    }
}
