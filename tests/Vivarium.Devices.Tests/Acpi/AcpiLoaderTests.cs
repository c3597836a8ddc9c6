using System.Buffers.Binary;
using System.Text;

namespace Vivarium.Devices.Tests.Acpi;

/// <summary>Does what firmware does with the loader's commands, and compares with tables built for that place.</summary>
public sealed class AcpiLoaderTests
{
    private const uint TablesAt = 0x7FFE_1240;
    private const uint RsdpAt = 0xF_5A40;

    [Fact]
    public void Placed_tables_are_those_built_for_that_place()
    {
        var configuration = new AcpiConfiguration { ApicIds = [0, 1], AdditionalTables = [Hpet.CreateAcpiTable()] };
        var files = AcpiTables.BuildForFirmware(configuration);
        var placed = new Dictionary<string, (uint At, int Alignment, byte[] Bytes)>();
        for (var at = 0; at < files.Commands.Length; at += 128)
        {
            Execute(files, files.Commands.Span.Slice(at, 128), placed);
        }

        var expected = AcpiTables.Build(configuration, TablesAt);
        var tables = placed[AcpiFirmwareFiles.TablesName];
        var rsdp = placed[AcpiFirmwareFiles.RsdpName];
        Assert.Equal((64, 16), (tables.Alignment, rsdp.Alignment));
        Assert.Equal(expected[..36], rsdp.Bytes);
        Assert.Equal(expected[36..], tables.Bytes[36..]);
    }

    private static void Execute(AcpiFirmwareFiles files, ReadOnlySpan<byte> command, Dictionary<string, (uint At, int Alignment, byte[] Bytes)> placed)
    {
        var file = Name(command[4..]);
        switch (BinaryPrimitives.ReadUInt32LittleEndian(command))
        {
            case 1:
                var isRsdp = file == AcpiFirmwareFiles.RsdpName;
                Assert.Equal(isRsdp ? 2 : 1, command[64]);
                placed.Add(file, (isRsdp ? RsdpAt : TablesAt, BinaryPrimitives.ReadInt32LittleEndian(command[60..]), (isRsdp ? files.Rsdp : files.Tables).ToArray()));
                break;
            case 2:
                var pointer = placed[file].Bytes.AsSpan(BinaryPrimitives.ReadInt32LittleEndian(command[116..]));
                var target = placed[Name(command[60..])].At;
                if (command[120] == 4)
                {
                    BinaryPrimitives.WriteUInt32LittleEndian(pointer, BinaryPrimitives.ReadUInt32LittleEndian(pointer) + target);
                }
                else
                {
                    Assert.Equal(8, command[120]);
                    BinaryPrimitives.WriteUInt64LittleEndian(pointer, BinaryPrimitives.ReadUInt64LittleEndian(pointer) + target);
                }

                break;
            case 3:
                var bytes = placed[file].Bytes;
                var range = bytes.AsSpan(BinaryPrimitives.ReadInt32LittleEndian(command[64..]), BinaryPrimitives.ReadInt32LittleEndian(command[68..]));
                byte sum = 0;
                foreach (var value in range)
                {
                    sum += value;
                }

                bytes[BinaryPrimitives.ReadInt32LittleEndian(command[60..])] -= sum;
                break;
            default:
                Assert.Fail("There is no such command.");
                break;
        }
    }

    private static string Name(ReadOnlySpan<byte> field) => Encoding.ASCII.GetString(field[..field[..56].IndexOf((byte)0)]);
}
