namespace Vivarium.Devices;

public static partial class AcpiTables
{
    private const ulong PresentAndWorking = 0x0F;

    private static byte[] WriteDsdt(AcpiConfiguration configuration)
    {
        var aml = new AmlWriter();
        aml.Name("\\_S5", w => w.Package(AcpiPowerManagement.SoftOffSleepType, AcpiPowerManagement.SoftOffSleepType, 0, 0));
        aml.Scope("\\_SB", w =>
        {
            for (var uid = 0; uid < configuration.ApicIds.Count; uid++)
            {
                WriteProcessor(w, uid);
            }

            for (var i = 0; i < configuration.SerialPorts.Count; i++)
            {
                var (port, irq) = configuration.SerialPorts[i];
                WriteIsaDevice(w, $"COM{i + 1}", "PNP0501", i + 1, new AcpiResources().Io(port, 8).Irq(irq));
            }

            if (configuration.HasRtc)
            {
                WriteIsaDevice(w, "RTC", "PNP0B00", 0, new AcpiResources().Io(0x70, 2).Irq(8));
            }

            if (configuration.HasKeyboardController)
            {
                WriteIsaDevice(w, "KBD", "PNP0303", 0, new AcpiResources().Io(0x60, 1).Io(0x64, 1).Irq(1));
                WriteIsaDevice(w, "MOU", "PNP0F13", 0, new AcpiResources().Irq(12));
            }
        });
        if (configuration.Pci is { } pci)
        {
            WritePciBus(aml, pci);
        }

        configuration.AdditionalAml?.Invoke(aml);
        return aml.ToArray();
    }

    private static void WriteProcessor(AmlWriter writer, int uid) =>
        writer.Device($"C{uid:X3}", w => w.Name("_HID", v => v.String("ACPI0007")).Name("_UID", (ulong)uid));

    private static void WriteIsaDevice(AmlWriter writer, string name, string hardwareId, int uid, AcpiResources resources) =>
        writer.Device(name, w => w
            .Name("_HID", v => v.EisaId(hardwareId))
            .Name("_UID", (ulong)uid)
            .Name("_STA", PresentAndWorking)
            .Name("_CRS", resources.WriteTo));
}
