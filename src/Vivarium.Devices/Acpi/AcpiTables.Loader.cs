using System.Buffers.Binary;
using System.Text;

namespace Vivarium.Devices;

public static partial class AcpiTables
{
    private const int RsdtPointer = 16;
    private const int XsdtPointer = 24;

    /// <summary>Builds all tables for firmware that places them itself.</summary>
    /// <param name="configuration">What there is.</param>
    public static AcpiFirmwareFiles BuildForFirmware(AcpiConfiguration configuration)
    {
        // Built for address 0, every pointer is an offset.
        var tables = Build(configuration, 0);
        var rsdp = tables[..RsdpSizeBytes];
        var commands = new LoaderCommands();
        commands.Allocate(AcpiFirmwareFiles.RsdpName, alignment: 16, isInLowSegment: true);
        commands.Allocate(AcpiFirmwareFiles.TablesName, TableAlignment, isInLowSegment: false);
        var rsdt = (int)Read(rsdp, RsdtPointer);
        var xsdt = (int)Read(rsdp, XsdtPointer);
        foreach (var (table, pointerBytes) in ((int, int)[])[(rsdt, sizeof(uint)), (xsdt, sizeof(ulong))])
        {
            var end = table + SizeOf(table);
            for (var at = table + HeaderSizeBytes; at < end; at += pointerBytes)
            {
                LinkTable((int)Read(tables, at));
                commands.AddPointer(AcpiFirmwareFiles.TablesName, at, pointerBytes);
            }

            commands.AddChecksum(AcpiFirmwareFiles.TablesName, table + 9, table, SizeOf(table));
        }

        commands.AddPointer(AcpiFirmwareFiles.RsdpName, RsdtPointer, sizeof(uint));
        commands.AddPointer(AcpiFirmwareFiles.RsdpName, XsdtPointer, sizeof(ulong));
        commands.AddChecksum(AcpiFirmwareFiles.RsdpName, 8, 0, 20);
        commands.AddChecksum(AcpiFirmwareFiles.RsdpName, 32, 0, RsdpSizeBytes);
        return new AcpiFirmwareFiles(rsdp, tables, commands.ToArray());

        // Of the tables that are listed, the FADT alone points to others; it is met twice and linked once.
        void LinkTable(int table)
        {
            if (tables.AsSpan(table, 4).SequenceEqual("FACP"u8) && !commands.WasLinked(table))
            {
                foreach (var (offset, pointerBytes) in ((int, int)[])[(36, sizeof(uint)), (40, sizeof(uint)), (140, sizeof(ulong))])
                {
                    commands.AddPointer(AcpiFirmwareFiles.TablesName, table + offset, pointerBytes);
                }

                commands.AddChecksum(AcpiFirmwareFiles.TablesName, table + 9, table, SizeOf(table));
            }
        }

        int SizeOf(int table) => (int)Read(tables, table + 4);
    }

    private static uint Read(byte[] bytes, int offset) => BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(offset));

    /// <summary>Commands of 128 bytes each.</summary>
    private sealed class LoaderCommands
    {
        private const int CommandBytes = 128;
        private const int NameBytes = 56;
        private const uint AllocateCommand = 1;
        private const uint AddPointerCommand = 2;
        private const uint AddChecksumCommand = 3;
        private const byte HighZone = 1;
        private const byte LowSegmentZone = 2;

        private readonly List<byte> _bytes = [];
        private readonly HashSet<int> _linked = [];

        public bool WasLinked(int table) => !_linked.Add(table);

        public void Allocate(string file, int alignment, bool isInLowSegment)
        {
            var command = Create(AllocateCommand, file);
            BinaryPrimitives.WriteInt32LittleEndian(command.AsSpan(4 + NameBytes), alignment);
            command[8 + NameBytes] = isInLowSegment ? LowSegmentZone : HighZone;
            _bytes.AddRange(command);
        }

        /// <summary>Adds the tables' place to a pointer.</summary>
        public void AddPointer(string file, int offset, int pointerBytes)
        {
            var command = Create(AddPointerCommand, file);
            Encoding.ASCII.GetBytes(AcpiFirmwareFiles.TablesName, command.AsSpan(4 + NameBytes));
            BinaryPrimitives.WriteInt32LittleEndian(command.AsSpan(4 + (2 * NameBytes)), offset);
            command[8 + (2 * NameBytes)] = (byte)pointerBytes;
            _bytes.AddRange(command);
        }

        /// <summary>Corrects the byte that makes a sum zero.</summary>
        public void AddChecksum(string file, int offset, int start, int lengthBytes)
        {
            var command = Create(AddChecksumCommand, file);
            BinaryPrimitives.WriteInt32LittleEndian(command.AsSpan(4 + NameBytes), offset);
            BinaryPrimitives.WriteInt32LittleEndian(command.AsSpan(8 + NameBytes), start);
            BinaryPrimitives.WriteInt32LittleEndian(command.AsSpan(12 + NameBytes), lengthBytes);
            _bytes.AddRange(command);
        }

        public byte[] ToArray() => [.. _bytes];

        private static byte[] Create(uint kind, string file)
        {
            var command = new byte[CommandBytes];
            BinaryPrimitives.WriteUInt32LittleEndian(command, kind);
            Encoding.ASCII.GetBytes(file, command.AsSpan(4));
            return command;
        }
    }
}
