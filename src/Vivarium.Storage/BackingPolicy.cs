namespace Vivarium.Storage;

/// <summary>
/// Which backing files an image may name. An image from somebody else could name any file of the host, and its guest would read it:
/// so none is followed unless the caller says where backing files may lie.
/// </summary>
public sealed class BackingPolicy
{
    private readonly Func<string, string, bool> _allows;

    private BackingPolicy(Func<string, string, bool> allows) => _allows = allows;

    /// <summary>None: an image with a backing file is refused.</summary>
    public static BackingPolicy None { get; } = new(static (_, _) => false);

    /// <summary>Files in the folder of the image that names them, or below it. Symbolic links are followed first.</summary>
    public static BackingPolicy SameFolder { get; } = new(static (image, backing) => IsBelow(Path.GetDirectoryName(image)!, backing));

    /// <summary>Any file that this process can read: for images that the caller made.</summary>
    public static BackingPolicy Any { get; } = new(static (_, _) => true);

    /// <summary>Files below one of these folders. Symbolic links are followed first.</summary>
    public static BackingPolicy Below(params string[] folders)
    {
        ArgumentNullException.ThrowIfNull(folders);
        var resolved = Array.ConvertAll(folders, Resolve);
        return new BackingPolicy((_, backing) => Array.Exists(resolved, folder => IsBelow(folder, backing)));
    }

    /// <summary>The real path of the file that <paramref name="name"/> is to the image at <paramref name="imagePath"/>.</summary>
    /// <exception cref="DiskImageException">It may not be used.</exception>
    internal string Follow(string imagePath, string name)
    {
        if (name.StartsWith("file:", StringComparison.Ordinal))
        {
            name = name["file:".Length..];
        }

        var isPath = name.Length > 0 && !name.Contains('\0', StringComparison.Ordinal) &&
            (Path.IsPathFullyQualified(name) || !name.Split('/')[0].Contains(':', StringComparison.Ordinal));
        if (!isPath)
        {
            throw new DiskImageException($"'{imagePath}' names the backing file '{Printable(name)}', which is no path of a file; only files are followed.");
        }

        var image = Resolve(imagePath);
        var backing = Resolve(Path.Combine(Path.GetDirectoryName(image)!, name));
        return _allows(image, backing)
            ? backing
            : throw new DiskImageException($"'{imagePath}' names the backing file '{Printable(name)}', which the policy for backing files does not allow; allow its folder if you trust the image.");
    }

    /// <summary>The full path with each symbolic link on the way followed.</summary>
    internal static string Resolve(string path)
    {
        const int MostLinks = 40;
        var rest = new Stack<string>(Path.GetFullPath(path).Split(Path.DirectorySeparatorChar, StringSplitOptions.RemoveEmptyEntries).Reverse());
        var resolved = Path.GetPathRoot(Path.GetFullPath(path))!;
        for (var links = 0; rest.TryPop(out var part);)
        {
            if (part == "..")
            {
                resolved = Path.GetDirectoryName(resolved) ?? resolved;
                continue;
            }

            var next = Path.Combine(resolved, part);
            var target = new FileInfo(next).LinkTarget;
            if (target is null)
            {
                resolved = next;
                continue;
            }

            if (++links > MostLinks)
            {
                throw new DiskImageException($"'{path}' leads through too many symbolic links.");
            }

            if (Path.IsPathRooted(target))
            {
                resolved = Path.GetPathRoot(target)!;
            }

            foreach (var each in target.Split(Path.DirectorySeparatorChar, StringSplitOptions.RemoveEmptyEntries).Reverse())
            {
                if (each != ".")
                {
                    rest.Push(each);
                }
            }
        }

        return resolved;
    }

    private static bool IsBelow(string folder, string path) =>
        path.StartsWith(Path.TrimEndingDirectorySeparator(folder) + Path.DirectorySeparatorChar, StringComparison.Ordinal) || Path.GetPathRoot(folder) == folder;

    private static string Printable(string name) => string.Concat(name.Select(each => char.IsControl(each) ? '?' : each));
}
