using System.Buffers.Binary;

namespace Vivarium.Devices;

public static partial class AcpiTables
{
    private const ushort FlagsActiveHighLevel = 0x000D;
    private const ushort FlagsActiveHighEdge = 0x0005;
    private const uint ProcessorEnabled = 1;
    private const uint Pcat8259 = 1;

    /// <summary>The interrupt controllers (ACPI 6.5 §5.2.12).</summary>
    private static byte[] WriteMadt(AcpiConfiguration configuration)
    {
        var entries = new List<byte>();
        Add32((uint)ApicBits.BaseDefaultAddress);
        Add32(Pcat8259);
        var hasX2Apic = false;
        for (var uid = 0; uid < configuration.ApicIds.Count; uid++)
        {
            var apicId = configuration.ApicIds[uid];
            if (apicId < ApicBits.Broadcast8 && uid < ApicBits.Broadcast8)
            {
                entries.AddRange([0, 8, (byte)uid, (byte)apicId]);
                Add32(ProcessorEnabled);
            }
            else
            {
                hasX2Apic = true;
                entries.AddRange([9, 16, 0, 0]);
                Add32(apicId);
                Add32(ProcessorEnabled);
                Add32((uint)uid);
            }
        }

        entries.AddRange([1, 12, configuration.IoApicId, 0]);
        Add32((uint)IoApic.DefaultAddress);
        Add32(0);

        // ISA interrupt 0, the 8254, arrives at pin 2.
        AddOverride(0, 2, FlagsActiveHighEdge);
        foreach (var irq in configuration.LevelTriggeredIrqs.Append(configuration.SciIrq).Distinct().Order())
        {
            AddOverride(irq, irq, FlagsActiveHighLevel);
        }

        // LINT1 of every processor is NMI.
        entries.AddRange([4, 6, 0xFF, 0, 0, 1]);
        if (hasX2Apic)
        {
            entries.AddRange([10, 12, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 1, 0, 0, 0]);
        }

        return [.. entries];

        void Add32(uint value)
        {
            Span<byte> bytes = stackalloc byte[sizeof(uint)];
            BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
            entries.AddRange(bytes);
        }

        void AddOverride(byte irq, uint gsi, ushort flags)
        {
            entries.AddRange([2, 10, 0, irq]);
            Add32(gsi);
            entries.AddRange([(byte)flags, (byte)(flags >> 8)]);
        }
    }
}
