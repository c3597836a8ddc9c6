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

    /// <summary>What SeaBIOS assumes of PIRQA# to PIRQD#, which are the wires 1, 2, 3 and 0.</summary>
    private static readonly byte[] s_pirqIrqs = [10, 10, 11, 11];

    private FwCfg? _config;

    /// <summary>For each interrupt wire of the PCI bus what it drives.</summary>
    public static IReadOnlyList<IReadOnlyList<int>> Interrupts { get; } = [.. Enumerable.Range(0, 4).Select(wire => (int[])[16 + wire, s_pirqIrqs[(wire + 3) % 4]])];

    public IPciFunction CreateHostBridge() => new I440FxHostBridge(shadows);

    public static void AttachFunctions(DeviceContext context)
    {
        context.AddPciFunction(_ => new PiixIsaBridge(s_pirqIrqs), new PciAddress(PiixSlot));
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

    private static byte[] Number(long value)
    {
        var bytes = new byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, value);
        return bytes;
    }
}
