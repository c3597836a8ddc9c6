namespace Vivarium.Cli;

/// <summary>Appends to a file. The device lock is held while the host's page cache takes the bytes; no disk is waited for.</summary>
internal sealed class FileCharacterSink : ICharacterSink, IDisposable
{
    private readonly FileStream _file;

    private FileCharacterSink(FileStream file)
    {
        _file = file;
    }

    /// <summary>Creates the file or empties it.</summary>
    /// <exception cref="UsageException">It cannot be written; the sentence names <paramref name="option"/>.</exception>
    public static FileCharacterSink Create(string option, string path)
    {
        try
        {
            return new FileCharacterSink(new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.Read, bufferSize: 1));
        }
        catch (Exception exception) when (InputFile.IsFileProblem(exception))
        {
            throw new UsageException($"{option}: {InputFile.Describe(path, "written", exception)}");
        }
    }

    public void Write(ReadOnlySpan<byte> data) => _file.Write(data);

    public void Dispose() => _file.Dispose();
}
