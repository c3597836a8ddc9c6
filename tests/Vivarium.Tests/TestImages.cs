using System.Buffers.Binary;

namespace Vivarium.Tests;

/// <summary>Smallest images of each kind.</summary>
internal static class TestImages
{
    public const uint KernelMarker = 0xFEEDF00D;

    public static byte[] BzImage(bool is64Bit)
    {
        var image = new byte[(2 * 512) + 0x600];
        image[0x1F1] = 1;
        Put(image, 0x1F4, 0x60u);
        Put(image, 0x1FE, (ushort)0xAA55);
        image[0x200] = 0xEB;
        image[0x201] = 0x66;
        "HdrS"u8.CopyTo(image.AsSpan(0x202));
        Put(image, 0x206, (ushort)0x20F);
        image[0x211] = 1;
        Put(image, 0x22C, 0x7FFF_FFFFu);
        Put(image, 0x230, 0x20_0000u);
        image[0x234] = 1;
        Put(image, 0x236, (ushort)(is64Bit ? 3 : 0));
        Put(image, 0x238, 2047u);
        Put(image, 0x258, 0x10_0000UL);
        Put(image, 0x260, 0x10_0000u);
        Put(image, (2 * 512) + 0x200, KernelMarker);
        return image;
    }

    public static byte[] PvhElf()
    {
        var image = new byte[0x200];
        Elf64Header(image, programHeaders: 2);
        Segment64(image, 0, type: 1, offset: 0x180, gpa: 0x20_0000, fileBytes: 0x40, memoryBytes: 0x1000);
        Segment64(image, 1, type: 4, offset: 0x140, gpa: 0, fileBytes: 20, memoryBytes: 20);
        Put(image, 0x140, 4u);
        Put(image, 0x144, 4u);
        Put(image, 0x148, 18u);
        "Xen\0"u8.CopyTo(image.AsSpan(0x14C));
        Put(image, 0x150, 0x20_0000u);
        return image;
    }

    public static byte[] MultibootElf()
    {
        var image = new byte[0x200];
        image[0] = 0x7F;
        "ELF"u8.CopyTo(image.AsSpan(1));
        image[4] = 1;
        image[5] = 1;
        Put(image, 18, (ushort)3);
        Put(image, 24, 0x10_0020u);
        Put(image, 28, 52u);
        Put(image, 42, (ushort)32);
        Put(image, 44, (ushort)1);
        Put(image, 52, 1u);
        Put(image, 56, 0x100u);
        Put(image, 64, 0x10_0000u);
        Put(image, 68, 0x80u);
        Put(image, 72, 0x2000u);
        Header(image, 0x100, flags: 3);
        return image;
    }

    public static byte[] MultibootFlat()
    {
        var image = new byte[0x100];
        Header(image, 0x10, flags: 0x10003);
        Put(image, 0x1C, 0x10_0010u);
        Put(image, 0x20, 0x10_0000u);
        Put(image, 0x24, 0x10_0100u);
        Put(image, 0x28, 0x10_1000u);
        Put(image, 0x2C, 0x10_0020u);
        return image;
    }

    private static void Header(byte[] image, int offset, uint flags)
    {
        Put(image, offset, 0x1BADB002u);
        Put(image, offset + 4, flags);
        Put(image, offset + 8, unchecked(0u - 0x1BADB002u - flags));
    }

    private static void Elf64Header(byte[] image, ushort programHeaders)
    {
        image[0] = 0x7F;
        "ELF"u8.CopyTo(image.AsSpan(1));
        image[4] = 2;
        image[5] = 1;
        Put(image, 18, (ushort)62);
        Put(image, 32, 64UL);
        Put(image, 54, (ushort)56);
        Put(image, 56, programHeaders);
    }

    private static void Segment64(byte[] image, int index, uint type, ulong offset, ulong gpa, ulong fileBytes, ulong memoryBytes)
    {
        var at = 64 + (index * 56);
        Put(image, at, type);
        Put(image, at + 8, offset);
        Put(image, at + 24, gpa);
        Put(image, at + 32, fileBytes);
        Put(image, at + 40, memoryBytes);
    }

    private static void Put(byte[] image, int offset, ushort value) => BinaryPrimitives.WriteUInt16LittleEndian(image.AsSpan(offset), value);

    private static void Put(byte[] image, int offset, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(image.AsSpan(offset), value);

    private static void Put(byte[] image, int offset, ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(image.AsSpan(offset), value);
}
