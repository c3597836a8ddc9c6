namespace Vivarium.Measurements;

/// <summary>Where the repository keeps what is measured.</summary>
internal static class Repository
{
    private static readonly string s_root = FindRoot();

    /// <summary>What the scripts under eng/ fetched.</summary>
    public static string GuestFolder(string flavour) => Path.Combine(s_root, "artifacts", "guest", flavour);

    /// <summary>A file that is kept, or that a build makes.</summary>
    public static string SourceFile(string path) => Path.Combine(s_root, path);

    /// <summary>A file to write: a log or a snapshot. Not committed.</summary>
    public static string OutputFile(string name)
    {
        var folder = Path.Combine(s_root, "artifacts", "measurements");
        Directory.CreateDirectory(folder);
        return Path.Combine(folder, name);
    }

    private static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "eng", "get-guest.sh")))
            {
                return folder.FullName;
            }
        }

        return Directory.GetCurrentDirectory();
    }
}
