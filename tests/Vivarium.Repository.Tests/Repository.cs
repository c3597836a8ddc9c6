using System.Xml.Linq;

namespace Vivarium.Repository.Tests;

/// <summary>The files of the repository that these tests were built from.</summary>
internal static class Repository
{
    private static readonly string s_root = FindRoot();

    /// <summary>The projects under <c>src</c>: one package each.</summary>
    public static IEnumerable<Project> Packages => Projects("src");

    public static IEnumerable<Project> Projects(string folder) =>
        Directory.EnumerateFiles(PathOf(folder), "*.csproj", SearchOption.AllDirectories).Order(StringComparer.Ordinal).Select(file => new Project(file));

    public static string PathOf(string path) => Path.Combine(s_root, path);

    public static string Read(string path) => File.ReadAllText(PathOf(path)).ReplaceLineEndings("\n");

    /// <summary>Files that are kept, by a pattern: not what builds and runs leave behind.</summary>
    public static IEnumerable<string> Files(string pattern) =>
        Directory.EnumerateFiles(s_root, pattern, SearchOption.AllDirectories)
            .Select(file => Path.GetRelativePath(s_root, file))
            .Where(file => !file.Split(Path.DirectorySeparatorChar).Any(part => part is "bin" or "obj" or "artifacts" or ".git"));

    private static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Sdk.sln")))
            {
                return folder.FullName;
            }
        }

        throw new InvalidOperationException("These tests read the repository and must be run from a build inside it.");
    }
}

/// <summary>A project file.</summary>
internal sealed class Project(string file)
{
    private readonly XDocument _xml = XDocument.Load(file);

    public string Name { get; } = Path.GetFileNameWithoutExtension(file);

    public string Folder { get; } = Path.GetDirectoryName(file)!;

    public string? Description => _xml.Descendants("Description").SingleOrDefault()?.Value;

    public IEnumerable<string> References => Items("ProjectReference").Select(path => Path.GetFileNameWithoutExtension(path));

    public IEnumerable<string> PackageReferences => Items("PackageReference");

    public bool PinsVersions => _xml.Descendants("PackageReference").Any(item => item.Attribute("Version") is not null || item.Attribute("VersionOverride") is not null);

    private IEnumerable<string> Items(string kind) => _xml.Descendants(kind).Select(item => item.Attribute("Include")!.Value.Replace('\\', '/'));
}
