using System.Buffers.Binary;

namespace Vivarium.Devices;

/// <summary>Builds a resource template, the value of <c>_CRS</c> (ACPI 6.5 §6.4). Not thread-safe.</summary>
public sealed class AcpiResources
{
    /// <summary>A producer's range with a fixed first and last address, decoded positively.</summary>
    private const byte WindowFlags = 0x0C;

    private readonly List<byte> _bytes = [];

    /// <summary>Adds a fixed range of I/O ports, decoded with 16 bits.</summary>
    public AcpiResources Io(ushort port, byte length)
    {
        Span<byte> descriptor = [0x47, 0x01, 0, 0, 0, 0, 0x01, length];
        BinaryPrimitives.WriteUInt16LittleEndian(descriptor[2..], port);
        BinaryPrimitives.WriteUInt16LittleEndian(descriptor[4..], port);
        return Add(descriptor);
    }

    /// <summary>Adds an edge-triggered, active-high ISA interrupt, 0 to 15.</summary>
    public AcpiResources Irq(int irq)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(irq);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(irq, 15);
        Span<byte> descriptor = [0x22, 0, 0];
        BinaryPrimitives.WriteUInt16LittleEndian(descriptor[1..], (ushort)(1 << irq));
        return Add(descriptor);
    }

    /// <summary>Adds an interrupt by its global number.</summary>
    /// <param name="gsi">The global system interrupt.</param>
    /// <param name="isLevelTriggered">Level- rather than edge-triggered; active high in both cases.</param>
    public AcpiResources Interrupt(uint gsi, bool isLevelTriggered)
    {
        Span<byte> descriptor = [0x89, 6, 0, (byte)(isLevelTriggered ? 0x01 : 0x03), 1, 0, 0, 0, 0];
        BinaryPrimitives.WriteUInt32LittleEndian(descriptor[5..], gsi);
        return Add(descriptor);
    }

    /// <summary>Adds a fixed range of memory below 4 GiB that can be read and written.</summary>
    public AcpiResources Memory32Fixed(uint start, uint lengthBytes)
    {
        Span<byte> descriptor = [0x86, 9, 0, 0x01, 0, 0, 0, 0, 0, 0, 0, 0];
        BinaryPrimitives.WriteUInt32LittleEndian(descriptor[4..], start);
        BinaryPrimitives.WriteUInt32LittleEndian(descriptor[8..], lengthBytes);
        return Add(descriptor);
    }

    /// <summary>Adds bus numbers that a bridge passes on.</summary>
    public AcpiResources BusWindow(byte first, byte last) => WindowOf16Bits(2, 0, first, last);

    /// <summary>Adds I/O ports that a bridge passes on.</summary>
    public AcpiResources IoWindow(ushort first, ushort last) => WindowOf16Bits(1, 3, first, last);

    /// <summary>Adds memory that a bridge passes on: in 32 bits if it lies below 4 GiB, otherwise in 64.</summary>
    /// <param name="first">The first address.</param>
    /// <param name="last">The last address.</param>
    public AcpiResources MemoryWindow(ulong first, ulong last)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(last, first);
        if (last > uint.MaxValue)
        {
            Span<byte> wide = [0x8A, 43, 0, 0, WindowFlags, 1, .. new byte[40]];
            BinaryPrimitives.WriteUInt64LittleEndian(wide[14..], first);
            BinaryPrimitives.WriteUInt64LittleEndian(wide[22..], last);
            BinaryPrimitives.WriteUInt64LittleEndian(wide[38..], last - first + 1);
            return Add(wide);
        }

        Span<byte> narrow = [0x87, 23, 0, 0, WindowFlags, 1, .. new byte[20]];
        BinaryPrimitives.WriteUInt32LittleEndian(narrow[10..], (uint)first);
        BinaryPrimitives.WriteUInt32LittleEndian(narrow[14..], (uint)last);
        BinaryPrimitives.WriteUInt32LittleEndian(narrow[22..], (uint)(last - first + 1));
        return Add(narrow);
    }

    /// <summary>Writes the template as a buffer, with its end tag.</summary>
    public void WriteTo(AmlWriter writer)
    {
        ArgumentNullException.ThrowIfNull(writer);
        writer.Buffer([.. _bytes, 0x79, 0x00]);
    }

    private AcpiResources WindowOf16Bits(byte type, byte typeFlags, ushort first, ushort last)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(last, first);
        Span<byte> descriptor = [0x88, 13, 0, type, WindowFlags, typeFlags, .. new byte[10]];
        BinaryPrimitives.WriteUInt16LittleEndian(descriptor[8..], first);
        BinaryPrimitives.WriteUInt16LittleEndian(descriptor[10..], last);
        BinaryPrimitives.WriteUInt16LittleEndian(descriptor[14..], (ushort)(last - first + 1));
        return Add(descriptor);
    }

    private AcpiResources Add(ReadOnlySpan<byte> descriptor)
    {
        _bytes.AddRange(descriptor);
        return this;
    }
}
