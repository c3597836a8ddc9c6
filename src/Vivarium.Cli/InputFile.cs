namespace Vivarium.Cli;

/// <summary>Files that the user names: read whole, or refused in one line that names them as the user did.</summary>
internal static class InputFile
{
    /// <summary>More than any image needs; a device that never ends must not fill the host's memory.</summary>
    private const int LargestBytes = 1 << 30;

    /// <exception cref="UsageException">It cannot be opened.</exception>
    public static FileStream Open(string name)
    {
        try
        {
            return File.OpenRead(name);
        }
        catch (Exception exception) when (IsFileProblem(exception))
        {
            throw new UsageException(Describe(name, "read", exception));
        }
    }

    /// <summary>Opens a file that will be read several times; only what comes through a pipe is kept in memory.</summary>
    /// <exception cref="UsageException">It cannot be opened or read.</exception>
    public static Stream OpenAgainAndAgain(string name)
    {
        var stream = Open(name);
        if (stream.CanSeek)
        {
            return stream;
        }

        using (stream)
        {
            return new MemoryStream(Read(stream, name), writable: false);
        }
    }

    /// <exception cref="UsageException">It cannot be read, or is too large.</exception>
    public static byte[] Read(string name)
    {
        using var stream = Open(name);
        return Read(stream, name);
    }

    private static byte[] Read(FileStream stream, string name)
    {
        try
        {
            // An ordinary file goes straight into its array: images are large, and each copy of one would be resident.
            if (stream.CanSeek && stream.Length is > 0 and <= LargestBytes)
            {
                var bytes = GC.AllocateUninitializedArray<byte>((int)stream.Length);
                var read = stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
                return read == bytes.Length ? bytes : bytes[..read];
            }

            using var content = new MemoryStream();
            var buffer = new byte[1 << 20];
            int count;
            while ((count = stream.Read(buffer)) > 0)
            {
                if (content.Length + count > LargestBytes)
                {
                    throw new UsageException($"'{name}' is larger than {LargestBytes >> 20} MiB; that is no image to boot.");
                }

                content.Write(buffer, 0, count);
            }

            return content.ToArray();
        }
        catch (Exception exception) when (IsFileProblem(exception))
        {
            throw new UsageException(Describe(name, "read", exception));
        }
    }

    /// <summary>Whether it is the file's fault.</summary>
    public static bool IsFileProblem(Exception exception) => exception is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException;

    /// <summary>One line that says why a file cannot be used.</summary>
    public static string Describe(string name, string use, Exception exception) => $"'{name}' cannot be {use}: " + exception switch
    {
        _ when Directory.Exists(name) => "it is a folder.",
        FileNotFoundException => "there is no such file.",
        DirectoryNotFoundException => "there is no such folder.",
        UnauthorizedAccessException => "permission denied.",
        _ => exception.Message,
    };
}
