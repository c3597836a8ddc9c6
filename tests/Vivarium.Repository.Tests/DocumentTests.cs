using System.Text.RegularExpressions;

namespace Vivarium.Repository.Tests;

/// <summary>Links in the documents lead somewhere.</summary>
public sealed partial class DocumentTests
{
    [Fact]
    public void Links_lead_to_files()
    {
        foreach (var document in Repository.Files("*.md"))
        {
            var folder = Path.GetDirectoryName(Repository.PathOf(document))!;
            foreach (Match link in Link().Matches(Repository.Read(document)))
            {
                var target = link.Groups["target"].Value.Split('#')[0];
                var isElsewhere = target.Length == 0 || target.Contains("://", StringComparison.Ordinal);
                Assert.True(isElsewhere || Path.Exists(Path.Combine(folder, target)), $"{document} links to {target}, which is not there.");
            }
        }
    }

    [Fact]
    public void Commands_name_files_that_exist()
    {
        foreach (var document in Repository.Files("*.md"))
        {
            foreach (Match command in RepositoryPath().Matches(Repository.Read(document)))
            {
                var path = command.Groups["path"].Value;
                Assert.True(Path.Exists(Repository.PathOf(path)), $"{document} names {path}, which is not there.");
            }
        }
    }

    [Fact]
    public void The_page_of_the_devices_has_each_of_them()
    {
        var page = Repository.Read("src/Vivarium.Devices/README.md");
        var devices = typeof(Devices.Uart16550).Assembly.GetExportedTypes()
            .Where(type => type.IsAssignableTo(typeof(IPortDevice)) || type.IsAssignableTo(typeof(IMmioDevice)) || type.IsAssignableTo(typeof(IMsrHandler)));
        Assert.All(devices, device => Assert.Contains(device.Name, page, StringComparison.Ordinal));
    }

    [GeneratedRegex(@"\]\((?<target>[^)\s]+)\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"(?<=--project |^|`)(?<path>(samples|benchmarks|tests|src|eng|\.ci)/[\w./-]*\w)", RegexOptions.Multiline)]
    private static partial Regex RepositoryPath();
}
