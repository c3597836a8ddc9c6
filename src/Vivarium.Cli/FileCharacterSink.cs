namespace Vivarium.Cli;

/// <summary>Appends to a file. The device lock is held while the host's page cache takes the bytes; no disk is waited for.</summary>
internal sealed class FileCharacterSink(string path) : ICharacterSink, IDisposable
{
    private readonly FileStream _file = new(path, FileMode.Create, FileAccess.Write, FileShare.Read, bufferSize: 1);

    public void Write(ReadOnlySpan<byte> data) => _file.Write(data);

    public void Dispose() => _file.Dispose();
}
