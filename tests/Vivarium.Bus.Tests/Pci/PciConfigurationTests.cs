using FsCheck;
using FsCheck.Xunit;
using Vivarium.Bus.Tests.Fakes;

namespace Vivarium.Bus.Tests.Pci;

public sealed class PciConfigurationTests
{
    private static readonly PciFunctionDescription s_description = new()
    {
        VendorId = 0x1AF4,
        DeviceId = 0x1042,
        ClassCode = 0x010802,
        RevisionId = 7,
        SubsystemVendorId = 0x1234,
        SubsystemId = 0x5678,
        InterruptPin = PciInterruptPin.C,
        Bars = [new(0, PciBarKind.Memory32, 0x1000), new(1, PciBarKind.Io, 32), new(4, PciBarKind.Memory64, 0x4000, IsPrefetchable: true)],
        MsiX = new PciMsiX(5, 4, 0, 0x800),
        MsiMessageCount = 4,
        Capabilities = [new PciCapability(PciCapability.VendorSpecificId, [16, 1, 2, 3])],
    };

    private readonly PciBoard _board = new();

    [Fact]
    public void The_header_says_what_the_description_says()
    {
        _board.Add(3, s_description);
        uint[] expected =
        [
            0x1042_1AF4, 0x0010_0000, 0x0108_0207, 0, 0x0000_0000, 0x0000_0001, 0, 0, 0x0000_000C, 0, 0, 0x5678_1234, 0, 0x40, 0, 0x0300,
        ];
        Assert.Equal(expected, Enumerable.Range(0, 16).Select(i => _board.Read(3, 4 * i)));
    }

    [Fact]
    public void Only_the_header_s_writable_bits_change()
    {
        _board.Add(3, s_description);
        for (var offset = 0; offset < 0x40; offset += 4)
        {
            _board.Write(3, offset, uint.MaxValue);
        }

        uint[] expected =
        [
            0x1042_1AF4, 0x0010_0547, 0x0108_0207, 0x0000_FFFF, 0xFFFF_F000, 0xFFFF_FFE1, 0, 0,
            0xFFFF_C00C, 0xFFFF_FFFF, 0, 0x5678_1234, 0, 0x40, 0, 0x03FF,
        ];
        Assert.Equal(expected, Enumerable.Range(0, 16).Select(i => _board.Read(3, 4 * i)));
    }

    [Fact]
    public void The_capabilities_are_a_list_with_the_registers_of_the_specification()
    {
        _board.Add(3, s_description);
        var vendor = _board.FindCapability(3, 0x09);
        var msiX = _board.FindCapability(3, 0x11);
        var msi = _board.FindCapability(3, 0x05);
        Assert.Equal(0x40, vendor);
        Assert.Equal(0x0302_0110u, _board.Read(3, vendor + 2));
        Assert.Equal(0x0004u, _board.Read(3, msiX + 2, 2));
        Assert.Equal(0x0000_0004u, _board.Read(3, msiX + 4));
        Assert.Equal(0x0000_0804u, _board.Read(3, msiX + 8));
        Assert.Equal(0x0184u, _board.Read(3, msi + 2, 2));
        foreach (var offset in new[] { msiX, msiX + 4, msiX + 8, msi, msi + 4, msi + 8, msi + 12, msi + 16, msi + 20 })
        {
            _board.Write(3, offset, uint.MaxValue);
        }

        Assert.Equal(0xC004u, _board.Read(3, msiX + 2, 2));
        Assert.Equal(0x01F5u, _board.Read(3, msi + 2, 2));
        Assert.Equal([0xFFFF_FFFC, 0xFFFF_FFFF, 0x0000_FFFF, 0xF, 0], new[] { 4, 8, 12, 16, 20 }.Select(o => _board.Read(3, msi + o)));
    }

    [Fact]
    public void Places_where_nobody_is_read_as_ones()
    {
        _board.Add(3, s_description);
        Assert.Equal(0xFFFF_FFFFu, _board.Read(4, 0));
        Assert.Equal(0xFFFFu, _board.Read(3, 0, 2, function: 1));
        Assert.Equal(0xFFFF_FFFFu, _board.Read(3, 0x100));
        _board.Ports.WritePort(0xCF8, 4, 0x8001_1800);
        Assert.Equal(0xFFFF_FFFFu, _board.Ports.ReadPort(0xCFC, 4));
        _board.Ports.WritePort(0xCF8, 4, 0x0000_1800);
        Assert.Equal(0xFFFF_FFFFu, _board.Ports.ReadPort(0xCFC, 4));
        Assert.Equal(0xFFFF_FFFF_FFFF_FFFFu, _board.Mmio.ReadMmio(PciBoard.WindowGpa + 0x1000, 8));
    }

    [Property]
    public bool Ports_and_window_show_the_same_bytes(byte register, byte sizeSeed)
    {
        var board = new PciBoard();
        board.Add(3, s_description);
        var sizeBytes = 1 << (sizeSeed % 3);
        board.Ports.WritePort(0xCF8, 4, 0x8000_1800u | register);
        var port = (ushort)(0xCFC + (register & 3));

        // What reaches beyond the data ports is nobody's.
        var expected = 0u;
        for (var i = 0; i < sizeBytes; i++)
        {
            expected |= ((register & 3) + i < 4 ? board.Read(3, register + i, 1) : 0xFF) << (8 * i);
        }

        var byPort = board.Ports.ReadPort(port, sizeBytes);
        var byWindow = board.Mmio.ReadMmio(PciBoard.WindowGpa + 0x18000 + register, sizeBytes);
        return byPort == expected && byWindow == board.Read(3, register, sizeBytes);
    }

    [Fact]
    public void The_reset_register_inside_the_address_port_takes_bytes_alone()
    {
        var reset = new RecordingDevice();
        var board = new PciBoard(reset);
        board.Ports.WritePort(0xCF8, 4, 0xFFFF_FFFF);
        Assert.Equal(0x80FF_FFFCu, board.Ports.ReadPort(0xCF8, 4));
        board.Ports.WritePort(0xCF8, 2, 0x0600);
        Assert.Empty(reset.Calls);
        board.Ports.WritePort(0xCF9, 1, 6);
        Assert.Equal([(true, 0UL, 1, 6UL)], reset.Calls);
        Assert.Equal(0x80FF_FFFCu, board.Ports.ReadPort(0xCF8, 4));
    }

    [Fact]
    public void Function_0_says_whether_there_are_others()
    {
        _board.Add(5, s_description);
        Assert.Equal(0u, _board.Read(5, 0x0E, 1));
        _board.Add(5, s_description, function: 7);
        _board.Add(5, s_description, function: 2);
        Assert.Equal(0x80u, _board.Read(5, 0x0E, 1));
        _board.Add(6, s_description, function: 1);
        _board.Add(6, s_description);
        Assert.Equal(0x80u, _board.Read(6, 0x0E, 1));
        Assert.Throws<ArgumentException>(() => _board.Add(6, s_description));
    }

    [Fact]
    public void A_function_takes_part_in_accesses_to_its_own_registers()
    {
        var access = new Echo();
        _board.Add(1, s_description with
        {
            Capabilities = [new PciCapability(0x09, [8, 0, 0, 0, 0, 0], [0, 0, 0xFF, 0xFF, 0x0F, 0], access)],
            Registers = [new PciRegisters(0x80, [1, 2], [0xF0, 0]), new PciRegisters(0xFFE, [9, 8], [0xFF, 0xFF])],
        });
        _board.Write(1, 0x42, 0xFFFF_FFFF);
        Assert.Equal([("written", 0, 4)], access.Calls);
        Assert.Equal(0x0FFFu, _board.Read(1, 0x45, 2) & 0xFFFF);
        Assert.Equal(("reading", 3, 2), access.Calls[^1]);
        Assert.Equal(0xEEu, _board.Read(1, 0x47, 1));
        _board.Write(1, 0x80, 0xFFFF, 2);
        Assert.Equal(0x02F1u, _board.Read(1, 0x80, 2));
        _board.Mmio.WriteMmio(PciBoard.WindowGpa + 0x8FFE, 2, 0x1122);
        Assert.Equal(0x1122u, _board.Read(1, 0xFFE, 2));
    }

    public static TheoryData<string, PciFunctionDescription> ImpossibleDescriptions() => new()
    {
        { "vendor ID", s_description with { VendorId = 0xFFFF } },
        { "24 bits", s_description with { ClassCode = 0x1000000 } },
        { "messages", s_description with { MsiMessageCount = 3 } },
        { "no base address register 6", s_description with { Bars = [new(6, PciBarKind.Memory32, 4096)] } },
        { "needs the next register", s_description with { Bars = [new(5, PciBarKind.Memory64, 4096)] } },
        { "two regions", s_description with { Bars = [new(0, PciBarKind.Memory64, 4096), new(1, PciBarKind.Io, 16)] } },
        { "power of two", s_description with { Bars = [new(0, PciBarKind.Memory32, 5000)] } },
        { "power of two", s_description with { Bars = [new(0, PciBarKind.Io, 512)] } },
        { "prefetchable", s_description with { Bars = [new(0, PciBarKind.Io, 16, IsPrefetchable: true)] } },
        { "no memory region", s_description with { MsiX = new PciMsiX(1, 1, 0, 0x800) } },
        { "lie within", s_description with { MsiX = new PciMsiX(2048, 0, 0, 0x800) } },
        { "overlap", s_description with { MsiX = new PciMsiX(5, 4, 0, 0x48) } },
        { "vectors", s_description with { MsiX = new PciMsiX(0, 4, 0, 0x800) } },
        { "do not fit", s_description with { Capabilities = [new PciCapability(9, new byte[180])] } },
        { "overlap others", s_description with { Registers = [new PciRegisters(0x80, [1, 2]), new PciRegisters(0x81, [1])] } },
    };

    [Theory]
    [MemberData(nameof(ImpossibleDescriptions), DisableDiscoveryEnumeration = true)]
    public void Impossible_descriptions_are_refused_with_the_reason(string reason, PciFunctionDescription description) =>
        Assert.Contains(reason, Assert.Throws<ArgumentException>(() => _board.Add(1, description)).Message, StringComparison.Ordinal);

    [Property(MaxTest = 300)]
    public void Whatever_is_written_nothing_throws_and_identity_stays((DoNotSize<uint> Where, DoNotSize<uint> Value)[] accesses)
    {
        var board = new PciBoard();
        var function = board.Add(3, s_description);
        foreach (var (where, value) in accesses)
        {
            var register = where.Item & 0xFFF;
            var sizeBytes = 1 << (int)((where.Item >> 12) % 4);
            if ((where.Item & 0x1_0000) != 0)
            {
                board.Mmio.WriteMmio(PciBoard.WindowGpa + 0x18000 + register, sizeBytes, value.Item);
                board.Mmio.ReadMmio(PciBoard.WindowGpa + 0x18000 + register, sizeBytes);
            }
            else
            {
                board.Ports.WritePort(0xCF8, 4, (value.Item & 0x7FF) | 0x8000_1800);
                board.Ports.WritePort((ushort)(0xCF8 + (register & 7)), Math.Min(sizeBytes, 4), value.Item);
                board.Ports.ReadPort((ushort)(0xCF8 + (register & 7)), Math.Min(sizeBytes, 4));
            }

            function.Host.SignalMessage((int)register - 8);
            function.Host.SetInterruptPin((register & 1) != 0);
        }

        Assert.Equal(0x1042_1AF4u, board.Read(3, 0));
        Assert.Equal(0x0108_0207u, board.Read(3, 8));
        Assert.NotEqual(0, board.FindCapability(3, 0x11));
    }

    private sealed class Echo : IPciRegisterAccess
    {
        public List<(string, int, int)> Calls { get; } = [];

        public void Reading(Span<byte> registers, int offset, int sizeBytes)
        {
            Calls.Add(("reading", offset, sizeBytes));
            registers[5] = 0xEE;
            if (sizeBytes == 2)
            {
                registers[4] = 0x0F;
            }
        }

        public void Written(Span<byte> registers, int offset, int sizeBytes) => Calls.Add(("written", offset, sizeBytes));
    }
}
