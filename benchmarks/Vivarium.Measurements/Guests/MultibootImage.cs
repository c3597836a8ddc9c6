using System.Buffers.Binary;

namespace Vivarium.Measurements;

/// <summary>Puts a multiboot 1 header with addresses before a flat program (Multiboot Specification 0.6.96 §3.1).</summary>
internal static class MultibootImage
{
    private const uint Magic = 0x1BADB002;
    private const uint HasAddresses = 1 << 16;
    private const int HeaderBytes = 32;

    /// <summary>The program must not depend on its address: it goes right behind the header, which goes to <see cref="TinyGuests.Gpa"/>.</summary>
    public static byte[] Wrap(byte[] program)
    {
        const uint header = TinyGuests.Gpa;
        uint[] words = [Magic, HasAddresses, unchecked(0 - Magic - HasAddresses), header, header, 0, 0, header + HeaderBytes];
        var image = new byte[HeaderBytes + program.Length];
        for (var i = 0; i < words.Length; i++)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(image.AsSpan(i * 4), words[i]);
        }

        program.CopyTo(image, HeaderBytes);
        return image;
    }
}
