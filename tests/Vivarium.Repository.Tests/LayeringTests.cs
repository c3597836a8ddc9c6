using System.Text.RegularExpressions;

namespace Vivarium.Repository.Tests;

/// <summary>Who may reference whom: the table in docs/architecture.md against the project files.</summary>
public sealed partial class LayeringTests
{
    [Fact]
    public void The_table_has_every_package_and_no_other() =>
        Assert.Equal(Repository.Packages.Select(project => project.Name).ToHashSet(), Table().Keys.ToHashSet());

    [Fact]
    public void Projects_reference_only_what_the_table_allows()
    {
        var table = Table();
        foreach (var project in Repository.Packages)
        {
            Assert.Subset(table[project.Name], project.References.ToHashSet());
        }
    }

    [Fact]
    public void Arrows_go_down_only()
    {
        var seen = new HashSet<string>();
        foreach (var (name, allowed) in Table())
        {
            Assert.Subset(seen, allowed);
            seen.Add(name);
        }
    }

    [Fact]
    public void Only_the_processor_knows_the_decoder()
    {
        Assert.Equal(["Vivarium.X86.Recompiler", "Vivarium.X86"], Repository.Packages.Where(project => project.PackageReferences.Contains("Iced")).Select(project => project.Name));
        foreach (var project in Repository.Packages)
        {
            Assert.DoesNotContain("Iced", Repository.Read($"src/{project.Name}/PublicAPI.Unshipped.txt"), StringComparison.Ordinal);
            Assert.DoesNotContain("Iced", Repository.Read($"src/{project.Name}/PublicAPI.Shipped.txt"), StringComparison.Ordinal);
        }
    }

    /// <summary>Rows in their order: a package, and what it may reference.</summary>
    private static OrderedDictionary<string, ISet<string>> Table()
    {
        var table = new OrderedDictionary<string, ISet<string>>();
        foreach (Match row in Row().Matches(Repository.Read("docs/architecture.md")))
        {
            var allowed = row.Groups["allowed"].Value.Trim();
            table.Add(row.Groups["name"].Value, allowed switch
            {
                "nothing" => new HashSet<string>(),
                "all above" => table.Keys.ToHashSet(),
                "Vivarium" => new HashSet<string> { "Vivarium" },
                _ => allowed.Split(',').Select(name => "Vivarium." + name.Trim()).ToHashSet(),
            });
        }

        return table;
    }

    [GeneratedRegex(@"^\| \[`(?<name>[\w.]+)`\]\([^)]*\) \|[^|]*\| (?<allowed>[^|]*)\|$", RegexOptions.Multiline)]
    private static partial Regex Row();
}
