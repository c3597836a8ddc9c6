using System.Buffers.Binary;

namespace Vivarium.Devices;

public static partial class AcpiTables
{
    private const int FadtSizeBytes = 276;
    private const ushort ResetPort = 0xCF9;
    private const byte ResetValue = 0x06;
    private const byte AccessByte = 1;
    private const byte AccessWord = 2;
    private const byte AccessDoubleWord = 3;

    private const uint FlagWriteBackInvalidate = 1 << 0;
    private const uint FlagProcessorC1 = 1 << 2;
    private const uint FlagNoFixedSleepButton = 1 << 5;
    private const uint FlagNoFixedRtcWake = 1 << 6;
    private const uint FlagTimer32Bits = 1 << 8;
    private const uint FlagResetRegister = 1 << 10;

    private const ushort BootLegacyDevices = 1 << 0;
    private const ushort BootKeyboardController = 1 << 1;
    private const ushort BootNoVga = 1 << 2;
    private const ushort BootNoRtc = 1 << 5;

    /// <summary>Latencies beyond 100 and 1,000 µs say that C2 and C3 are not there.</summary>
    private const ushort NoC2 = 101;
    private const ushort NoC3 = 1001;

    /// <summary>The fixed hardware as <see cref="AcpiPowerManagement"/> lays it out (ACPI 6.5 table 5-9).</summary>
    private static byte[] WriteFadt(AcpiConfiguration configuration, uint facs, uint dsdt)
    {
        // Offsets are those of the table, of which the body lacks the header.
        var body = new byte[FadtSizeBytes - HeaderSizeBytes];
        var eventPort = configuration.PowerManagementPort;
        var controlPort = (ushort)(eventPort + 4);
        var timerPort = (ushort)(eventPort + 8);
        var gpePort = (ushort)(eventPort + 12);
        Write32(36, facs);
        Write32(40, dsdt);
        Write16(46, configuration.SciIrq);
        Write32(56, eventPort);
        Write32(64, controlPort);
        Write32(76, timerPort);
        Write32(80, gpePort);
        Write8(88, 4);
        Write8(89, 2);
        Write8(91, 4);
        Write8(92, 4);
        Write16(96, NoC2);
        Write16(98, NoC3);
        Write8(108, configuration.HasRtc ? (byte)RtcRegister.Century : (byte)0);
        Write16(109, BootArchitecture(configuration));
        Write32(112, Flags(configuration));
        WritePort(116, ResetPort, bits: 8, AccessByte);
        Write8(128, ResetValue);
        Write8(131, 5);
        Write64(140, dsdt);
        WritePort(148, eventPort, bits: 32, AccessWord);
        WritePort(172, controlPort, bits: 16, AccessWord);
        WritePort(208, timerPort, bits: 32, AccessDoubleWord);
        WritePort(220, gpePort, bits: 32, AccessByte);
        "VIVARIUM"u8.CopyTo(body.AsSpan(268 - HeaderSizeBytes));
        return body;

        void Write8(int offset, byte value) => body[offset - HeaderSizeBytes] = value;

        void Write16(int offset, ushort value) => BinaryPrimitives.WriteUInt16LittleEndian(body.AsSpan(offset - HeaderSizeBytes), value);

        void Write32(int offset, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(body.AsSpan(offset - HeaderSizeBytes), value);

        void Write64(int offset, ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(body.AsSpan(offset - HeaderSizeBytes), value);

        // A generic address in port space.
        void WritePort(int offset, ushort port, byte bits, byte accessSize)
        {
            Write8(offset, 1);
            Write8(offset + 1, bits);
            Write8(offset + 3, accessSize);
            Write64(offset + 4, port);
        }
    }

    private static uint Flags(AcpiConfiguration configuration) =>
        FlagWriteBackInvalidate | FlagProcessorC1 | FlagNoFixedSleepButton | FlagNoFixedRtcWake | FlagResetRegister
        | (configuration.IsTimer32Bits ? FlagTimer32Bits : 0);

    private static ushort BootArchitecture(AcpiConfiguration configuration) =>
        (ushort)(BootLegacyDevices
            | (configuration.HasKeyboardController ? BootKeyboardController : 0)
            | (configuration.HasVga ? 0 : BootNoVga)
            | (configuration.HasRtc ? 0 : BootNoRtc));
}
