using System.Buffers.Binary;

namespace Vivarium.Virtio;

/// <content>The window in PCI space through which firmware reaches the base address without mapping it (Virtio 1.2 §4.1.4.9).</content>
public sealed partial class VirtioPci
{
    private const int WindowBarOffset = 2;
    private const int WindowOffsetOffset = 6;
    private const int WindowLengthOffset = 10;
    private const int WindowDataOffset = 14;
    private const int WindowBodyBytes = 18;

    private PciCapability WindowCapability()
    {
        var body = new byte[WindowBodyBytes];
        body[0] = WindowBodyBytes + 2;
        body[1] = 5;
        var writable = new byte[WindowBodyBytes];
        writable[WindowBarOffset] = 0xFF;
        writable.AsSpan(WindowOffsetOffset).Fill(0xFF);
        return new PciCapability(PciCapability.VendorSpecificId, body, writable, new Window(this));
    }

    private sealed class Window(VirtioPci owner) : IPciRegisterAccess
    {
        public void Reading(Span<byte> registers, int offset, int sizeBytes)
        {
            if (Touches(offset, sizeBytes) && TryGetTarget(registers, out var target, out var length))
            {
                owner.ReadBar(Bar, target, length, out var value);
                Span<byte> bytes = stackalloc byte[sizeof(ulong)];
                BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
                bytes[..length].CopyTo(registers[WindowDataOffset..]);
            }
        }

        public void Written(Span<byte> registers, int offset, int sizeBytes)
        {
            if (Touches(offset, sizeBytes) && TryGetTarget(registers, out var target, out var length))
            {
                Span<byte> bytes = stackalloc byte[sizeof(ulong)];
                bytes.Clear();
                registers.Slice(WindowDataOffset, length).CopyTo(bytes);
                owner.WriteBar(Bar, target, length, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
            }
        }

        private static bool Touches(int offset, int sizeBytes) => offset + sizeBytes > WindowDataOffset;

        /// <summary>Only accesses of 1, 2 or 4 bytes, aligned, within the base address; MSI-X is the bus's and not seen here.</summary>
        private static bool TryGetTarget(Span<byte> registers, out ulong target, out int length)
        {
            target = BinaryPrimitives.ReadUInt32LittleEndian(registers[WindowOffsetOffset..]);
            var bytes = BinaryPrimitives.ReadUInt32LittleEndian(registers[WindowLengthOffset..]);
            length = (int)Math.Min(bytes, 4);
            return registers[WindowBarOffset] == Bar && bytes is 1 or 2 or 4 && target % bytes == 0 && target < TableOffset;
        }
    }
}
