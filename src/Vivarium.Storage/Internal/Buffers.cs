namespace Vivarium.Storage;

/// <summary>Lists of buffers as one run of bytes.</summary>
internal static class Buffers
{
    public static long Length(IReadOnlyList<Memory<byte>> buffers)
    {
        long length = 0;
        for (var i = 0; i < buffers.Count; i++)
        {
            length += buffers[i].Length;
        }

        return length;
    }

    public static long Length(IReadOnlyList<ReadOnlyMemory<byte>> buffers)
    {
        long length = 0;
        for (var i = 0; i < buffers.Count; i++)
        {
            length += buffers[i].Length;
        }

        return length;
    }

    /// <summary>A part of the run: the list itself where that is all of it.</summary>
    public static IReadOnlyList<Memory<byte>> Slice(IReadOnlyList<Memory<byte>> buffers, long start, long length)
    {
        if (start == 0 && length == Length(buffers))
        {
            return buffers;
        }

        var parts = new List<Memory<byte>>(buffers.Count);
        for (var i = 0; i < buffers.Count && length > 0; i++)
        {
            var buffer = buffers[i];
            if (start >= buffer.Length)
            {
                start -= buffer.Length;
                continue;
            }

            var part = buffer.Slice((int)start, (int)Math.Min(length, buffer.Length - start));
            parts.Add(part);
            start = 0;
            length -= part.Length;
        }

        return parts;
    }

    /// <summary>A part of the run: the list itself where that is all of it.</summary>
    public static IReadOnlyList<ReadOnlyMemory<byte>> Slice(IReadOnlyList<ReadOnlyMemory<byte>> buffers, long start, long length)
    {
        if (start == 0 && length == Length(buffers))
        {
            return buffers;
        }

        var parts = new List<ReadOnlyMemory<byte>>(buffers.Count);
        AddSlice(parts, buffers, start, length);
        return parts;
    }

    public static void AddSlice(List<ReadOnlyMemory<byte>> parts, IReadOnlyList<ReadOnlyMemory<byte>> buffers, long start, long length)
    {
        for (var i = 0; i < buffers.Count && length > 0; i++)
        {
            var buffer = buffers[i];
            if (start >= buffer.Length)
            {
                start -= buffer.Length;
                continue;
            }

            var part = buffer.Slice((int)start, (int)Math.Min(length, buffer.Length - start));
            parts.Add(part);
            start = 0;
            length -= part.Length;
        }
    }

    public static void Clear(IReadOnlyList<Memory<byte>> buffers)
    {
        for (var i = 0; i < buffers.Count; i++)
        {
            buffers[i].Span.Clear();
        }
    }

    public static void CopyTo(ReadOnlySpan<byte> source, IReadOnlyList<Memory<byte>> buffers)
    {
        for (var i = 0; i < buffers.Count; i++)
        {
            source[..buffers[i].Length].CopyTo(buffers[i].Span);
            source = source[buffers[i].Length..];
        }
    }
}
