namespace Vivarium.X86;

/// <summary>Reads and updates descriptors in the GDT and the LDT.</summary>
internal static unsafe class DescriptorTables
{
    /// <summary>The error code that names a selector: RPL cleared, or EXT set.</summary>
    public static uint ErrorCode(ushort selector, uint external = 0) => (selector & 0xFFFCu) | external;

    public static bool IsNull(ushort selector) => (selector & 0xFFFC) == 0;

    /// <summary>Reads the 8-byte descriptor of a selector. Records <paramref name="vector"/> with the selector if it is beyond its table.</summary>
    public static bool TryRead(CpuCore c, ushort selector, out SegmentDescriptor descriptor, ExceptionVector vector = ExceptionVector.GeneralProtection, uint external = 0)
    {
        descriptor = default;
        if (!TryAddress(c, selector, 8, out var address))
        {
            return c.Raise(vector, ErrorCode(selector, external));
        }

        if (!c.TryReadSystem<ulong>(address, out var low))
        {
            return false;
        }

        descriptor = new SegmentDescriptor(low);
        return true;
    }

    /// <summary>Reads a system descriptor: 16 bytes in IA-32e mode, else 8.</summary>
    public static bool TryReadSystem(CpuCore c, ushort selector, out SegmentDescriptor descriptor, ExceptionVector vector = ExceptionVector.GeneralProtection, uint external = 0)
    {
        if (!c.IsLongMode)
        {
            return TryRead(c, selector, out descriptor, vector, external);
        }

        descriptor = default;
        if (!TryAddress(c, selector, 16, out var address))
        {
            return c.Raise(vector, ErrorCode(selector, external));
        }

        if (!c.TryReadSystem<ulong>(address, out var low) || !c.TryReadSystem<ulong>(address + 8, out var high))
        {
            return false;
        }

        descriptor = new SegmentDescriptor(low, high);
        return true;
    }

    /// <summary>The linear address of a descriptor; false if it is beyond its table or the LDT is not usable. No fault is recorded.</summary>
    public static bool TryAddress(CpuCore c, ushort selector, uint sizeBytes, out ulong address)
    {
        var s = c.State;
        var offset = selector & 0xFFF8u;
        if ((selector & 4) != 0)
        {
            address = s->Ldtr.Base + offset;
            return s->Ldtr.IsUsable && offset + sizeBytes - 1 <= s->Ldtr.Limit;
        }

        address = s->GdtBase + offset;
        return offset + sizeBytes - 1 <= s->GdtLimit;
    }

    /// <summary>Sets the accessed bit of a code or data descriptor.</summary>
    public static bool TrySetAccessed(CpuCore c, ushort selector, ref SegmentDescriptor descriptor)
    {
        if ((descriptor.Type & 1) != 0)
        {
            return true;
        }

        descriptor = new SegmentDescriptor(descriptor.Low | (1UL << 40));
        return TryAddress(c, selector, 8, out var address) && c.TryWriteSystem<byte>(address + 5, (descriptor.Low >> 40) & 0xFF);
    }

    /// <summary>Sets or clears the busy bit of a TSS descriptor in the GDT.</summary>
    public static bool TrySetBusy(CpuCore c, ushort selector, SegmentDescriptor descriptor, bool busy)
    {
        var access = (descriptor.Low >> 40) & 0xFF;
        return TryAddress(c, selector, 8, out var address) && c.TryWriteSystem<byte>(address + 5, busy ? access | 2 : access & ~2UL);
    }
}
