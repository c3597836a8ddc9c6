namespace Vivarium.X86;

/// <summary>A far pointer in memory: offset of 2, 4 or 8 bytes, then the selector.</summary>
internal static unsafe class FarPointer
{
    public static bool TryLoad(CpuCore c, DecodedOp* op, int offsetSizeBytes, out ushort selector, out ulong offset)
    {
        var bytes = stackalloc byte[10];
        *(ulong*)bytes = 0;
        selector = 0;
        offset = 0;
        if (!c.TryLoadBytes(op, 0, new Span<byte>(bytes, offsetSizeBytes + 2)))
        {
            return false;
        }

        selector = *(ushort*)(bytes + offsetSizeBytes);
        offset = offsetSizeBytes == 2 ? *(ushort*)bytes : offsetSizeBytes == 4 ? *(uint*)bytes : *(ulong*)bytes;
        return true;
    }
}
