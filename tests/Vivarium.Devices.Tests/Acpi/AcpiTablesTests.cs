using System.Buffers.Binary;
using System.Text;
using FsCheck;
using FsCheck.Xunit;

namespace Vivarium.Devices.Tests.Acpi;

public sealed class AcpiTablesTests
{
    private const uint Address = AcpiTables.DefaultAddress;

    [Fact]
    public void Every_table_is_reachable_and_its_sum_is_zero()
    {
        var image = Build(2);
        Assert.Equal("RSD PTR ", Encoding.ASCII.GetString(image, 0, 8));
        Assert.Equal(0, Sum(image.AsSpan(0, 20)));
        Assert.Equal(0, Sum(image.AsSpan(0, 36)));
        Assert.Equal(["FACP", "APIC"], Listed(image, "XSDT").Select(Signature));
        Assert.Equal(Listed(image, "XSDT").Select(t => t.Length), Listed(image, "RSDT").Select(t => t.Length));
        Assert.All([.. Listed(image, "XSDT"), Dsdt(image)], t => Assert.Equal(0, Sum(t)));
    }

    [Fact]
    public void The_fadt_describes_the_fixed_hardware()
    {
        var fadt = Table(Build(1), "FACP");
        Assert.Equal((276, 6), (fadt.Length, fadt[8]));
        Assert.Equal(9, Word(fadt, 46));
        Assert.Equal([0x600, 0x604, 0x608, 0x60C], new[] { 56, 64, 76, 80 }.Select(o => Word(fadt, o)));
        Assert.Equal([4, 2, 4, 4], new[] { 88, 89, 91, 92 }.Select(o => (int)fadt[o]));
        Assert.Equal((1, 8, 0xCF9, 6), (fadt[116], fadt[117], Word(fadt, 120), fadt[128]));
        Assert.Equal(0x0007, Word(fadt, 109));
        Assert.Equal(0x565, Word(fadt, 112));
        Assert.Equal(Word(fadt, 40), Word(fadt, 140));
    }

    [Fact]
    public void The_madt_lists_processors_ioapic_overrides_and_nmi()
    {
        var madt = Table(Build(2, [5, 10]), "APIC");
        Assert.Equal(0xFEE0_0000u, BinaryPrimitives.ReadUInt32LittleEndian(madt.AsSpan(36)));
        Assert.Equal(
            [
                "00 08 00 00 01 00 00 00", "00 08 01 01 01 00 00 00", "01 0C 00 00 00 00 C0 FE 00 00 00 00",
                "02 0A 00 00 02 00 00 00 05 00", "02 0A 00 05 05 00 00 00 0D 00", "02 0A 00 09 09 00 00 00 0D 00",
                "02 0A 00 0A 0A 00 00 00 0D 00", "04 06 FF 00 00 01",
            ],
            MadtEntries(madt));
    }

    [Fact]
    public void Ids_above_254_are_x2apic_entries()
    {
        var entries = MadtEntries(Table(Build(300), "APIC")).ToList();
        Assert.Equal(255, entries.Count(e => e.StartsWith("00 ", StringComparison.Ordinal)));
        Assert.Equal(45, entries.Count(e => e.StartsWith("09 ", StringComparison.Ordinal)));
        Assert.Equal("09 10 00 00 2B 01 00 00 01 00 00 00 2B 01 00 00", entries[299]);
        Assert.Equal("0A 0C 00 00 FF FF FF FF 01 00 00 00", entries[^1]);
    }

    [Fact]
    public void The_dsdt_holds_soft_off_and_the_devices()
    {
        var names = AmlWalker.Walk(Dsdt(Build(2))[36..]).Names;
        Assert.Equal([5UL, 5UL, 0UL, 0UL], Assert.IsType<object?[]>(names["\\_S5_"]));
        Assert.Equal(0x0105_D041UL, names["\\_SB_.COM1._HID"]);
        Assert.Equal(
            [0x47, 0x01, 0xF8, 0x03, 0xF8, 0x03, 0x01, 0x08, 0x22, 0x10, 0x00, 0x79, 0x00],
            Assert.IsType<byte[]>(names["\\_SB_.COM1._CRS"]));
        Assert.Equal("ACPI0007", names["\\_SB_.C001._HID"]);
        Assert.Equal(1UL, names["\\_SB_.C001._UID"]);
        Assert.All(["\\_SB_.RTC_", "\\_SB_.KBD_", "\\_SB_.MOU_"], n => Assert.Equal("device", names[n]));
    }

    [Fact]
    public void What_is_missing_is_not_described()
    {
        var image = AcpiTables.Build(new AcpiConfiguration
        {
            ApicIds = [0],
            HasKeyboardController = false,
            HasRtc = false,
            SerialPorts = [],
            IsTimer32Bits = false,
            HasVga = true,
        });
        Assert.Equal(0x0021, Word(Table(image, "FACP"), 109));
        Assert.Equal(0, Word(Table(image, "FACP"), 112) & 0x100);
        Assert.Equal(["\\_S5_", "\\_SB_.C000", "\\_SB_.C000._HID", "\\_SB_.C000._UID"], AmlWalker.Walk(Dsdt(image)[36..]).Names.Keys);
    }

    [Fact]
    public void Tables_and_aml_can_be_added()
    {
        var image = AcpiTables.Build(new AcpiConfiguration
        {
            ApicIds = [0],
            AdditionalTables = [AcpiTables.CreateTable("HPET", 1, [1, 2, 3])],
            AdditionalAml = w => w.Scope("\\_SB", s => s.Device("VIO0", d => d
                .Name("_CRS", new AcpiResources().Memory32Fixed(0xD000_0000, 0x200).Interrupt(20, isLevelTriggered: true).WriteTo)
                .Method("_STA", 0, false, m => m.Return(v => v.Integer(0x1_0000_0000))))),
        });
        Assert.Equal(39, Table(image, "HPET").Length);
        var names = AmlWalker.Walk(Dsdt(image)[36..]).Names;
        Assert.Equal("method", names["\\_SB_.VIO0._STA"]);
        Assert.Equal(
            [0x00, 0xA4, 0x0E, 0, 0, 0, 0, 1, 0, 0, 0],
            AmlWalker.Walk(Dsdt(image)[36..]).Methods["\\_SB_.VIO0._STA"]);
        Assert.Equal(12 + 9 + 2, Assert.IsType<byte[]>(names["\\_SB_.VIO0._CRS"]).Length);
    }

    [Fact]
    public void The_pci_bus_has_its_windows_and_interrupts()
    {
        var image = BuildPci();
        Assert.Equal(
            [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xD0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            Table(image, "MCFG")[36..]);
        var names = AmlWalker.Walk(Dsdt(image)[36..]).Names;
        Assert.Equal(0x030A_D041UL, names["\\_SB_.PCI0._HID"]);
        byte[] expected =
        [
            0x88, 13, 0, 2, 0x0C, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0,
            0x47, 1, 0xF8, 0x0C, 0xF8, 0x0C, 1, 8,
            0x88, 13, 0, 1, 0x0C, 3, 0, 0, 0, 0, 0xF7, 0x0C, 0, 0, 0xF8, 0x0C,
            0x88, 13, 0, 1, 0x0C, 3, 0, 0, 0x00, 0x0D, 0xFF, 0xFF, 0, 0, 0x00, 0xF3,
            0x87, 23, 0, 0, 0x0C, 1, 0, 0, 0, 0, 0, 0, 0, 0xE0, 0xFF, 0xFF, 0xBF, 0xFE, 0, 0, 0, 0, 0, 0, 0xC0, 0x1E,
            0x8A, 43, 0, 0, 0x0C, 1, .. new byte[8], 0, 0, 0, 0, 0x10, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0x1F, 0, 0, 0,
            .. new byte[8], 0, 0, 0, 0, 0x10, 0, 0, 0,
            0x79, 0,
        ];
        Assert.Equal(expected, Assert.IsType<byte[]>(names["\\_SB_.PCI0._CRS"]));
        Assert.Equal([0x5_FFFFUL, 1UL, 0UL, 18UL], Assert.IsType<object?[]>(Assert.Single(Assert.IsType<object?[]>(names["\\_SB_.PCI0.PRTA"]))));
        Assert.Equal([0x5_FFFFUL, 1UL, 0UL, 10UL], Assert.IsType<object?[]>(Assert.Single(Assert.IsType<object?[]>(names["\\_SB_.PCI0.PRTP"]))));
        Assert.Equal([0x86, 9, 0, 1, 0, 0, 0, 0xD0, 0, 0, 0x10, 0, 0x79, 0], Assert.IsType<byte[]>(names["\\_SB_.PCIR._CRS"]));
    }

    /// <summary>The bytes are by hand from ACPI 6.5 ch. 20; a Linux guest has run them.</summary>
    [Fact]
    public void The_interrupts_follow_the_controller_that_the_system_uses()
    {
        var methods = AmlWalker.Walk(Dsdt(BuildPci())[36..]).Methods;
        Assert.Equal([0x01, 0x70, 0x68, .. "\\PICF"u8], methods["\\_PIC"]);
        Assert.Equal([0x00, 0xA0, 0x0B, .. "\\PICF"u8, 0xA4, .. "PRTA"u8, 0xA4, .. "PRTP"u8], methods["\\_SB_.PCI0._PRT"]);
    }

    [Fact]
    public void Slots_can_be_ejected_and_are_notified_on_the_event()
    {
        var walked = AmlWalker.Walk(Dsdt(BuildPci())[36..]);
        Assert.Equal((0x610UL, 12UL), walked.Names["\\PHPR"]);
        Assert.Equal([0UL, 32UL, 64UL], new[] { "\\PHPF", "\\PHPW", "\\PHPE" }.Select(each => walked.Names[each]));
        Assert.Equal(0x5_0000UL, walked.Names["\\_SB_.PCI0.S05_._ADR"]);
        Assert.Equal([0x01, 0x70, 0x0A, 0x20, .. "\\PHPE"u8], walked.Methods["\\_SB_.PCI0.S05_._EJ0"]);
        byte[] slot = [.. "\\/\x03_SB_PCI0S05_"u8];
        Assert.Equal(
            [
                0x08,
                0x70, .. "\\PHPF"u8, .. "\\PHPL"u8, 0x70, .. "\\PHPL"u8, .. "\\PHPF"u8,
                0xA0, 0x1B, 0x7B, .. "\\PHPL"u8, 0x0A, 0x20, 0x00, 0x86, .. slot, 0x01,
                0x70, .. "\\PHPW"u8, .. "\\PHPL"u8, 0x70, .. "\\PHPL"u8, .. "\\PHPW"u8,
                0xA0, 0x1C, 0x7B, .. "\\PHPL"u8, 0x0A, 0x20, 0x00, 0x86, .. slot, 0x0A, 0x03,
            ],
            walked.Methods["\\_GPE._E01"]);
    }

    [Property]
    public void Package_lengths_are_right_at_every_size(DoNotSize<ushort> seed, DoNotSize<ulong> valueSeed)
    {
        var (lengthSeed, value) = (seed.Item, valueSeed.Item);
        foreach (var length in new[] { lengthSeed, lengthSeed % 70, 0xFF0 + lengthSeed % 32, 0xFFFE0 + lengthSeed % 64 })
        {
            var aml = new AmlWriter().Name("BUF0", w => w.Buffer(new byte[length])).Name("INT0", value).ToArray();
            var names = AmlWalker.Walk(aml).Names;
            Assert.Equal(length, Assert.IsType<byte[]>(names["\\BUF0"]).Length);
            Assert.Equal(value, names["\\INT0"]);
        }
    }

    [Theory]
    [InlineData("lower")]
    [InlineData("TOOLONG")]
    [InlineData("1ST")]
    [InlineData("A..B")]
    public void Names_that_aml_cannot_hold_are_refused(string path) =>
        Assert.Throws<ArgumentException>(() => new AmlWriter().Name(path, 1));

    [Fact]
    public void Impossible_configurations_are_refused()
    {
        Assert.ThrowsAny<ArgumentException>(() => AcpiTables.Build(new AcpiConfiguration { ApicIds = [] }));
        Assert.Throws<ArgumentException>(() => AcpiTables.Build(new AcpiConfiguration { ApicIds = [0] }, 0xE0010));
        Assert.Throws<ArgumentException>(() => new AmlWriter().EisaId("PNP05"));
        Assert.Throws<ArgumentException>(() => new AmlWriter().String("ä"));
    }

    private static byte[] BuildPci() => AcpiTables.Build(new AcpiConfiguration
    {
        ApicIds = [0],
        Pci = new AcpiPciBus
        {
            ConfigurationWindowGpa = 0xD000_0000,
            MemoryWindow = (0xE000_0000, 0xFEBF_FFFF),
            HighMemoryWindow = (0x10_0000_0000, 0x1F_FFFF_FFFF),
            Routes = [new AcpiPciRoute(5, 1, 18, 10)],
            HotPlug = new AcpiPciHotPlug(0x610, 1, [5]),
        },
    });

    private static byte[] Build(int processors, byte[]? levelTriggered = null) => AcpiTables.Build(new AcpiConfiguration
    {
        ApicIds = [.. Enumerable.Range(0, processors).Select(i => (uint)i)],
        LevelTriggeredIrqs = levelTriggered ?? [],
    });

    private static byte Sum(ReadOnlySpan<byte> bytes)
    {
        byte sum = 0;
        foreach (var value in bytes)
        {
            sum += value;
        }

        return sum;
    }

    private static int Word(byte[] table, int offset) => BinaryPrimitives.ReadInt32LittleEndian(table.AsSpan(offset)) & (offset is 46 or 109 ? 0xFFFF : -1);

    private static string Signature(byte[] table) => Encoding.ASCII.GetString(table, 0, 4);

    private static byte[] At(byte[] image, ulong address)
    {
        var offset = (int)(address - Address);
        return image[offset..(offset + BinaryPrimitives.ReadInt32LittleEndian(image.AsSpan(offset + 4)))];
    }

    private static IEnumerable<byte[]> Listed(byte[] image, string root)
    {
        var isXsdt = root == "XSDT";
        var table = At(image, isXsdt ? BinaryPrimitives.ReadUInt64LittleEndian(image.AsSpan(24)) : BinaryPrimitives.ReadUInt32LittleEndian(image.AsSpan(16)));
        Assert.Equal(root, Signature(table));
        Assert.Equal(0, Sum(table));
        for (var at = 36; at < table.Length; at += isXsdt ? 8 : 4)
        {
            yield return At(image, isXsdt ? BinaryPrimitives.ReadUInt64LittleEndian(table.AsSpan(at)) : BinaryPrimitives.ReadUInt32LittleEndian(table.AsSpan(at)));
        }
    }

    private static byte[] Table(byte[] image, string signature) => Listed(image, "XSDT").Single(t => Signature(t) == signature);

    private static byte[] Dsdt(byte[] image) => At(image, BinaryPrimitives.ReadUInt64LittleEndian(Table(image, "FACP").AsSpan(140)));

    private static IEnumerable<string> MadtEntries(byte[] madt)
    {
        for (var at = 44; at < madt.Length; at += madt[at + 1])
        {
            yield return BitConverter.ToString(madt, at, madt[at + 1]).Replace('-', ' ');
        }
    }
}
