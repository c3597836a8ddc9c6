namespace Vivarium.Fuzzing.Tests;

/// <summary>A file with the input that runs, so that it is known when the process dies of it.</summary>
internal sealed class InputRecord(string path) : IDisposable
{
    private readonly FileStream _file = new(path, FileMode.Create, FileAccess.Write, FileShare.Read, bufferSize: 0);

    public void Write(ReadOnlySpan<byte> input)
    {
        _file.Position = 0;
        _file.Write(input);
        _file.SetLength(input.Length);
    }

    public void Dispose() => _file.Dispose();
}
