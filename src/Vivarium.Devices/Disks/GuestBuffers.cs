namespace Vivarium.Devices;

/// <summary>A guest's buffer in pieces, as if it were one.</summary>
internal static class GuestBuffers
{
    /// <summary>Bytes in all pieces.</summary>
    public static long SizeOf(List<(ulong Gpa, uint SizeBytes)> segments)
    {
        var size = 0L;
        foreach (var segment in segments)
        {
            size += segment.SizeBytes;
        }

        return size;
    }

    /// <summary>Reads from <paramref name="position"/> on; false if the pieces end before, or are not memory.</summary>
    public static bool TryRead(IGuestMemory memory, List<(ulong Gpa, uint SizeBytes)> segments, long position, Span<byte> destination)
    {
        foreach (var (gpa, sizeBytes) in segments)
        {
            if (position < sizeBytes && !destination.IsEmpty)
            {
                var length = (int)Math.Min(destination.Length, sizeBytes - position);
                if (!memory.TryRead(gpa + (ulong)position, destination[..length]))
                {
                    return false;
                }

                destination = destination[length..];
                position = 0;
            }
            else
            {
                position -= Math.Min(position, sizeBytes);
            }
        }

        return destination.IsEmpty;
    }

    /// <summary>Writes from <paramref name="position"/> on; false if the pieces end before, or are not memory.</summary>
    public static bool TryWrite(IGuestMemory memory, List<(ulong Gpa, uint SizeBytes)> segments, long position, ReadOnlySpan<byte> source)
    {
        foreach (var (gpa, sizeBytes) in segments)
        {
            if (position < sizeBytes && !source.IsEmpty)
            {
                var length = (int)Math.Min(source.Length, sizeBytes - position);
                if (!memory.TryWrite(gpa + (ulong)position, source[..length]))
                {
                    return false;
                }

                source = source[length..];
                position = 0;
            }
            else
            {
                position -= Math.Min(position, sizeBytes);
            }
        }

        return source.IsEmpty;
    }
}
