using System.Xml.Linq;

namespace Vivarium.Repository.Tests;

/// <summary>What each package must bring, and what the build files may say.</summary>
public sealed class PackageTests
{
    [Fact]
    public void Each_package_says_what_it_is()
    {
        foreach (var project in Repository.Packages)
        {
            Assert.Equal(Path.GetFileName(project.Folder), project.Name);
            Assert.False(string.IsNullOrWhiteSpace(project.Description), $"{project.Name} has no description.");
            foreach (var file in (string[])["README.md", "PublicAPI.Shipped.txt", "PublicAPI.Unshipped.txt"])
            {
                Assert.True(File.Exists(Path.Combine(project.Folder, file)), $"{project.Name} has no {file}.");
            }
        }
    }

    [Fact]
    public void Versions_are_central_and_each_is_used()
    {
        var projects = ((string[])["src", "tests", "samples", "benchmarks"]).SelectMany(Repository.Projects).ToList();
        Assert.DoesNotContain(projects, project => project.PinsVersions);
        var shared = ((string[])["src/Directory.Build.props", "tests/Directory.Build.props"]).SelectMany(file => Includes(file, "PackageReference"));
        Assert.Equal(
            Includes("Directory.Packages.props", "PackageVersion").Order(StringComparer.Ordinal),
            projects.SelectMany(project => project.PackageReferences).Concat(shared).Distinct().Order(StringComparer.Ordinal));
    }

    [Fact]
    public void The_solution_has_every_project()
    {
        var solution = Repository.Read("Sdk.sln").Replace('\\', '/');
        Assert.All(Repository.Files("*.csproj"), file => Assert.Contains($"\"{file.Replace('\\', '/')}\"", solution, StringComparison.Ordinal));
    }

    [Fact]
    public void Package_sources_come_from_the_machine()
    {
        var text = Repository.Read("nuget.config");
        Assert.DoesNotContain("://", text, StringComparison.Ordinal);
        Assert.Empty(XDocument.Parse(text).Descendants("packageSources"));
    }

    private static IEnumerable<string> Includes(string file, string item) =>
        XDocument.Parse(Repository.Read(file)).Descendants(item).Select(element => element.Attribute("Include")!.Value);
}
