using System.Buffers.Binary;

namespace Vivarium.X86;

/// <summary>The last step of an access: host memory, the local APIC's page, or the MMIO bus.</summary>
internal sealed unsafe partial class CpuCore
{
    private void ReadPhysical(ulong gpa, byte* host, Span<byte> destination)
    {
        if (host != null)
        {
            // SAFETY: the caller cut the access at the page's end. Sizes up to 8 are single loads, so that other vCPUs see no torn values.
            switch (destination.Length)
            {
                case 1: destination[0] = *host; break;
                case 2: BinaryPrimitives.WriteUInt16LittleEndian(destination, *(ushort*)host); break;
                case 4: BinaryPrimitives.WriteUInt32LittleEndian(destination, *(uint*)host); break;
                case 8: BinaryPrimitives.WriteUInt64LittleEndian(destination, *(ulong*)host); break;
                default: new ReadOnlySpan<byte>(host, destination.Length).CopyTo(destination); break;
            }

            return;
        }

        while (!destination.IsEmpty)
        {
            var size = MmioSize(gpa, destination.Length);
            var value = ReadMmio(gpa, size);
            for (var i = 0; i < size; i++)
            {
                destination[i] = (byte)(value >> (8 * i));
            }

            destination = destination[size..];
            gpa += (ulong)size;
        }
    }

    private void WritePhysical(ulong gpa, byte* host, bool code, ReadOnlySpan<byte> source)
    {
        if (host != null)
        {
            // SAFETY: as in ReadPhysical.
            switch (source.Length)
            {
                case 1: *host = source[0]; break;
                case 2: *(ushort*)host = BinaryPrimitives.ReadUInt16LittleEndian(source); break;
                case 4: *(uint*)host = BinaryPrimitives.ReadUInt32LittleEndian(source); break;
                case 8: *(ulong*)host = BinaryPrimitives.ReadUInt64LittleEndian(source); break;
                default: source.CopyTo(new Span<byte>(host, source.Length)); break;
            }

            if (code)
            {
                // After the write, so that whoever translates the page from now on sees the new bytes.
                Memory.InvalidateCode(gpa);
            }

            return;
        }

        if (Memory.IsRom(gpa))
        {
            return;
        }

        while (!source.IsEmpty)
        {
            var size = MmioSize(gpa, source.Length);
            var value = 0UL;
            for (var i = 0; i < size; i++)
            {
                value |= (ulong)source[i] << (8 * i);
            }

            WriteMmio(gpa, size, value);
            source = source[size..];
            gpa += (ulong)size;
        }
    }

    /// <summary>Reads a paging entry that the processor loads by itself; absent memory reads as not present.</summary>
    public ulong ReadPhysicalEntry(ulong gpa)
    {
        var page = Memory.GetReadPage(gpa & AddressMask);
        return page == null ? 0 : *(ulong*)(page + (gpa & 0xFF8));
    }

    /// <summary>The largest power of two up to 8 that fits.</summary>
    private static int MmioSize(ulong gpa, int remaining)
    {
        var size = remaining >= 8 ? 8 : remaining >= 4 ? 4 : remaining >= 2 ? 2 : 1;
        return (int)Math.Min((ulong)size, 4096 - (gpa & 0xFFF));
    }

    /// <summary>Reads a device. The vCPU counts as parked meanwhile, as the bus or the APIC may wait for the device lock.</summary>
    public ulong ReadMmio(ulong gpa, int sizeBytes)
    {
        Revocation?.Leave();
        var value = IsApicPage(gpa) ? LocalApic!.ReadRegister((uint)gpa & 0xFFF, sizeBytes) : MmioPort.ReadMmio(gpa, sizeBytes);
        Revocation?.Enter();
        return value;
    }

    private void WriteMmio(ulong gpa, int sizeBytes, ulong value)
    {
        Revocation?.Leave();
        if (IsApicPage(gpa))
        {
            LocalApic!.WriteRegister((uint)gpa & 0xFFF, sizeBytes, (uint)value);
        }
        else
        {
            MmioPort.WriteMmio(gpa, sizeBytes, value);
        }

        Revocation?.Enter();
    }

    /// <summary>The page at IA32_APIC_BASE while the APIC is enabled in xAPIC mode (bits 11:10 = 10b).</summary>
    private bool IsApicPage(ulong gpa) =>
        LocalApic is { } apic && (apic.ApicBase & 0xC00) == 0x800 && ((gpa ^ apic.ApicBase) & PageEntry.FrameMask) == 0;
}
