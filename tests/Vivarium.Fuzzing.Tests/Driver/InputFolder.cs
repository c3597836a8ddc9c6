using System.Globalization;
using System.IO.Hashing;

namespace Vivarium.Fuzzing.Tests;

/// <summary>A folder with the inputs that runs of a target kept, a file each, so that the next goes on where they ended.</summary>
internal sealed class InputFolder
{
    private readonly string _path;

    public InputFolder(string path)
    {
        _path = path;
        Directory.CreateDirectory(path);
    }

    /// <summary>In the order of their names, and so the same for the same files.</summary>
    public IEnumerable<byte[]> Read() => Directory.GetFiles(_path).Order(StringComparer.Ordinal).Select(File.ReadAllBytes);

    /// <summary>The name is made of the content: what is there already stays one file.</summary>
    public void Write(byte[] input) => File.WriteAllBytes(Path.Combine(_path, XxHash64.HashToUInt64(input).ToString("x16", CultureInfo.InvariantCulture)), input);
}
