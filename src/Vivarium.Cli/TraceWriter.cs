using System.Globalization;
using Spectre.Console;
using Vivarium.X86;

namespace Vivarium.Cli;

/// <summary>Writes a translation dump in colours, a row for each host instruction.</summary>
internal sealed class TraceWriter(IAnsiConsole console)
{
    private const int BytesWidth = 23;
    private const string Interpreted = "  (interpreted)";

    public void Write(TranslationDump dump)
    {
        foreach (var block in dump.Blocks)
        {
            Line($"[bold]{Markup.Escape(block.ToString())}[/]");
            var width = block.Parts.Max(part => WidthOf(part));
            foreach (var part in block.Parts)
            {
                Write(part, width);
            }

            Line("");
        }

        if (dump.IsCut)
        {
            Line("[yellow]There are more blocks; --blocks shows them.[/]");
        }
    }

    private static int WidthOf(TranslationDumpPart part) => part.GuestText.Length == 0 ? part.Title.Length : 19 + BytesWidth + part.GuestText.Length + (part.IsInterpreted ? Interpreted.Length : 0);

    private static string Left(TranslationDumpPart part)
    {
        if (part.GuestText.Length == 0)
        {
            return $"[dim]{Markup.Escape(part.Title)}[/]";
        }

        var bytes = Convert.ToHexString(part.GuestBytes.Span);
        bytes = bytes.Length < BytesWidth ? bytes.PadRight(BytesWidth) : bytes[..(BytesWidth - 1)] + "+";
        var text = Markup.Escape(part.GuestText);
        return string.Create(CultureInfo.InvariantCulture, $"[dim]{part.Address:X8}[/]  [dim]{bytes}[/]  [blue]{part.LiveFlags,-6}[/] ")
            + (part.IsInterpreted ? $"[yellow]{text}{Interpreted}[/]" : $"[green]{text}[/]");
    }

    private void Write(TranslationDumpPart part, int width)
    {
        var left = Left(part) + new string(' ', width - WidthOf(part));
        var empty = new string(' ', width);
        if (part.Host.Count == 0)
        {
            Line($"  {left} [dim]|[/]");
        }

        foreach (var line in part.Host)
        {
            Line(string.Create(CultureInfo.InvariantCulture, $"  {left} [dim]|[/] [cyan]{Markup.Escape(line.Label),-8}[/] [dim]{line.Offset:X4}[/]  {Markup.Escape(line.Text)}"));
            left = empty;
        }
    }

    /// <summary>A line as long as it is: the terminal breaks it, if anyone must.</summary>
    private void Line(string markup)
    {
        console.Profile.Width = int.MaxValue;
        console.MarkupLine(markup);
    }
}
