using Spectre.Console;

namespace Vivarium.Measurements;

/// <summary>Collects results and shows them as a table; with a file, appends them to it as Markdown too.</summary>
internal sealed class Report(string title, string? markdownFile, params string[] columns)
{
    private readonly List<string[]> _rows = [];

    /// <summary>Whether every requirement so far is met.</summary>
    public bool IsGood { get; private set; } = true;

    /// <summary>Adds a result; <paramref name="isGood"/> is null where nothing is required.</summary>
    public void Add(bool? isGood, params string[] cells)
    {
        IsGood &= isGood ?? true;
        _rows.Add([.. cells, isGood switch { true => "yes", false => "NO", null => "–" }]);
    }

    /// <summary>Shows the table. Returns the process's exit code.</summary>
    public int Finish()
    {
        string[] heads = [.. columns, "ok"];
        var table = new Table { Title = new TableTitle(Markup.Escape(title)) };
        foreach (var head in heads)
        {
            table.AddColumn(Markup.Escape(head));
        }

        foreach (var row in _rows)
        {
            table.AddRow([.. row.Select(Markup.Escape)]);
        }

        AnsiConsole.Write(table);
        if (markdownFile is not null)
        {
            File.AppendAllLines(markdownFile,
                ["", $"### {title}", "", Line(heads), Line(heads.Select(_ => "---")), .. _rows.Select(Line)]);
        }

        return IsGood ? 0 : 1;
    }

    private static string Line(IEnumerable<string> cells) => $"| {string.Join(" | ", cells)} |";
}
