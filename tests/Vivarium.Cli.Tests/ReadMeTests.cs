using System.CommandLine;
using System.Text.RegularExpressions;

namespace Vivarium.Cli.Tests;

/// <summary>The tool's page names the options that there are, and its examples parse.</summary>
public sealed partial class ReadMeTests
{
    [Fact]
    public void The_table_has_every_option_and_no_other()
    {
        var options = RunCommand.Create().Options.Select(option => option.Name).ToHashSet();
        Assert.Equal(options, OptionName().Matches(string.Join('\n', Text().Split('\n').Where(line => line.StartsWith("| `--", StringComparison.Ordinal)))).Select(match => match.Value).ToHashSet());
    }

    [Fact]
    public void The_examples_parse()
    {
        var root = new Command("vivarium") { RunCommand.Create(), InspectCommand.Create(), TraceCommand.Create(), DiskCommand.Create(), BenchCommand.Create() };
        var notes = root.Subcommands.Concat(root.Subcommands.SelectMany(command => command.Subcommands)).Cast<NotedCommand>().SelectMany(command => command.Notes.Split('\n'));
        var lines = Text().Split('\n').Concat(notes).Select(line => line.Trim()).Where(line => line.StartsWith("vivarium ", StringComparison.Ordinal)).ToList();
        Assert.NotEmpty(lines);
        Assert.All(lines, line => Assert.Empty(root.Parse(line["vivarium ".Length..]).Errors));
    }

    private static string Text()
    {
        using var reader = new StreamReader(typeof(ReadMeTests).Assembly.GetManifestResourceStream("README.md")!);
        return reader.ReadToEnd();
    }

    [GeneratedRegex("(?<=`)--[a-z-]+")]
    private static partial Regex OptionName();
}
