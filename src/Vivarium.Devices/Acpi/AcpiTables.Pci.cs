using System.Buffers.Binary;

namespace Vivarium.Devices;

public static partial class AcpiTables
{
    private const ushort ConfigurationPort = 0xCF8;
    private const int ConfigurationPortCount = 8;
    private const ulong DeviceCheck = 1;
    private const ulong EjectRequest = 3;
    private const uint ConfigurationWindowBytes = 1 << 20;

    /// <summary>The MCFG table (PCI Firmware 3.0 §4.1.2): segment 0, bus 0 alone.</summary>
    private static byte[] WriteMcfg(AcpiPciBus pci)
    {
        var body = new byte[24];
        BinaryPrimitives.WriteUInt64LittleEndian(body.AsSpan(8), pci.ConfigurationWindowGpa);
        return body;
    }

    private static void WritePciBus(AmlWriter aml, AcpiPciBus pci)
    {
        // Operating systems call this with 1 if they use the IOAPIC.
        aml.Name("\\PICF", 0);
        aml.Method("\\_PIC", 1, serialized: false, w => w.Store(v => v.Argument(0), "\\PICF"));
        aml.Scope("\\_SB", w => w
            .Device("PCI0", d => WriteRootBridge(d, pci))
            .Device("PCIR", d => d
                .Name("_HID", v => v.EisaId("PNP0C02"))
                .Name("_UID", 0x10)
                .Name("_CRS", new AcpiResources().Memory32Fixed(pci.ConfigurationWindowGpa, ConfigurationWindowBytes).WriteTo)));
        if (pci.HotPlug is { } hotPlug)
        {
            WriteHotPlug(aml, hotPlug);
        }
    }

    /// <summary>Each slot can be ejected; on the event the guest is told which slots were filled and which devices are wanted back.</summary>
    private static void WriteHotPlug(AmlWriter aml, AcpiPciHotPlug hotPlug)
    {
        aml.PortRegisters("\\PHPR", hotPlug.Port, "PHPF", "PHPW", "PHPE");
        aml.Name("\\PHPL", 0);
        aml.Scope("\\_SB.PCI0", w =>
        {
            foreach (var slot in hotPlug.Slots)
            {
                w.Device($"S{slot:X2}", d => d
                    .Name("_ADR", (ulong)slot << 16)
                    .Name("_SUN", (ulong)slot)
                    .Method("_EJ0", 1, serialized: false, m => m.Store(v => v.Integer(1UL << slot), "\\PHPE")));
            }
        });
        aml.Method($"\\_GPE._E{hotPlug.GeneralPurposeEvent:X2}", 0, serialized: true, m =>
        {
            WriteNotifications(m, hotPlug, "\\PHPF", DeviceCheck);
            WriteNotifications(m, hotPlug, "\\PHPW", EjectRequest);
        });
    }

    /// <summary>Reads and clears a register, then notifies for each of its bits.</summary>
    private static void WriteNotifications(AmlWriter writer, AcpiPciHotPlug hotPlug, string register, ulong notification)
    {
        writer.Store(v => v.Path(register), "\\PHPL").Store(v => v.Path("\\PHPL"), register);
        foreach (var slot in hotPlug.Slots)
        {
            writer.If(c => c.And("\\PHPL", 1UL << slot), b => b.Notify($"\\_SB.PCI0.S{slot:X2}", notification));
        }
    }

    private static void WriteRootBridge(AmlWriter writer, AcpiPciBus pci)
    {
        var resources = new AcpiResources()
            .BusWindow(0, 0)
            .Io(ConfigurationPort, ConfigurationPortCount)
            .IoWindow(0, ConfigurationPort - 1)
            .IoWindow(ConfigurationPort + ConfigurationPortCount, ushort.MaxValue);
        if (pci.HasVgaMemory)
        {
            resources.MemoryWindow(0xA0000, 0xBFFFF);
        }

        resources.MemoryWindow(pci.MemoryWindow.First, pci.MemoryWindow.Last);
        if (pci.HighMemoryWindow is { } high)
        {
            resources.MemoryWindow(high.First, high.Last);
        }

        // Conventional PCI, PNP0A03: there is nothing of PCI Express for which an operating system would have to ask.
        writer
            .Name("_HID", v => v.EisaId("PNP0A03"))
            .Name("_UID", 0)
            .Name("_SEG", 0)
            .Name("_BBN", 0)
            .Name("_CRS", resources.WriteTo)
            .Name("PRTA", v => WriteRoutes(v, pci.Routes, route => route.Gsi))
            .Name("PRTP", v => WriteRoutes(v, pci.Routes, route => route.IsaIrq))
            .Method("_PRT", 0, serialized: false, m => m
                .If(c => c.Path("\\PICF"), b => b.Return(v => v.Path("PRTA")))
                .Return(v => v.Path("PRTP")));
    }

    private static void WriteRoutes(AmlWriter writer, IReadOnlyList<AcpiPciRoute> routes, Func<AcpiPciRoute, uint> interrupt) =>
        writer.Package([.. routes.Select(route => new Action<AmlWriter>(w =>
            w.Package(((ulong)route.Slot << 16) | ushort.MaxValue, (ulong)route.Pin, 0, interrupt(route))))]);
}
