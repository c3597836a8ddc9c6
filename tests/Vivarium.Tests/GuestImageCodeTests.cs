using System.Buffers.Binary;

namespace Vivarium.Tests;

/// <summary>Code of images as tools read it.</summary>
public sealed class GuestImageCodeTests
{
    [Theory]
    [InlineData(0x400010UL, 0x400000UL)]
    [InlineData(0x100010UL, 0x100000UL)]
    public void AnElfImageIsAtTheAddressesOfItsEntry(ulong entry, ulong expected)
    {
        var file = new byte[0x100];
        byte[] identification = [0x7F, (byte)'E', (byte)'L', (byte)'F', 2, 1, 1];
        identification.CopyTo(file, 0);
        BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(18), 62);
        BinaryPrimitives.WriteUInt64LittleEndian(file.AsSpan(24), entry);
        BinaryPrimitives.WriteUInt64LittleEndian(file.AsSpan(32), 64);
        BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(54), 56);
        BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(56), 1);
        var segment = file.AsSpan(64);
        BinaryPrimitives.WriteUInt32LittleEndian(segment, 1);
        BinaryPrimitives.WriteUInt64LittleEndian(segment[8..], 0x80);
        BinaryPrimitives.WriteUInt64LittleEndian(segment[16..], 0x400000);
        BinaryPrimitives.WriteUInt64LittleEndian(segment[24..], 0x100000);
        BinaryPrimitives.WriteUInt64LittleEndian(segment[32..], 0x20);
        BinaryPrimitives.WriteUInt64LittleEndian(segment[40..], 0x20);
        file[0x90] = 0xC3;
        var code = GuestImageCode.TryRead(file)!;
        var piece = Assert.Single(code.Pieces);
        Assert.Equal((64, entry, expected, 0x20), (code.Bits, code.Entry, piece.Address, piece.Bytes.Length));
        Assert.Equal(0xC3, piece.Bytes.Span[0x10]);
        Assert.Throws<GuestImageException>(() => GuestImageCode.TryRead(file.AsMemory(0, 0x88)));
    }

    [Fact]
    public void AMultibootImageIsWhereItsHeaderSays()
    {
        var file = new byte[0x40];
        uint[] header = [0x1BADB002, 1 << 16, unchecked(0u - 0x1BADB002 - (1 << 16)), 0x100008, 0x100000, 0, 0, 0x100028];
        for (var i = 0; i < header.Length; i++)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(16 + (4 * i)), header[i]);
        }

        var code = GuestImageCode.TryRead(file)!;
        Assert.Equal((32, 0x100028UL, 0x100000UL, 0x38), (code.Bits, code.Entry, code.Pieces[0].Address, code.Pieces[0].Bytes.Length));
    }

    [Fact]
    public void OtherFilesAreNone() => Assert.Null(GuestImageCode.TryRead(new byte[] { 0x90, 0xC3 }));
}
