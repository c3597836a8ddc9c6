using System.CommandLine;
using System.Text;
using System.Text.Json;
using Spectre.Console;
using Vivarium.Storage;

namespace Vivarium.Cli;

/// <summary><c>vivarium disk info</c>.</summary>
internal static class DiskInfoCommand
{
    private const string Notes = """
        Examples:
          vivarium disk info disk.qcow2
          vivarium disk info backup --format qcow2 --json
        """;

    public static Command Create()
    {
        var file = new Argument<string>("file") { Description = "The image." };
        var format = DiskArguments.FormatOption();
        var json = new Option<bool>("--json") { Description = "Prints JSON, sizes in bytes." };
        var command = new NotedCommand("info", "Describes a disk image; backing files are not opened.", Notes) { file, format, json };
        command.SetAction(async (result, _) =>
        {
            var path = result.GetValue(file)!;
            var info = await DiskImage.GetInfoAsync(path, DiskArguments.ParseFormat(result.GetValue(format), path)).ConfigureAwait(false);
            if (result.GetValue(json))
            {
                await Console.Out.WriteLineAsync(ToJson(path, info)).ConfigureAwait(false);
            }
            else
            {
                Show(path, info);
            }

            return ExitCodes.Success;
        });
        return command;
    }

    private static void Show(string path, DiskImageInfo info)
    {
        var table = new Table { Border = TableBorder.None, ShowHeaders = false };
        table.AddColumn("name").AddColumn("value");
        void Row(string name, string? value)
        {
            if (value is not null)
            {
                table.AddRow(Markup.Escape(name), Markup.Escape(Printable(value)));
            }
        }

        Row("File", path);
        Row("Format", DiskArguments.NameOf(info.Format) + (info.Version > 0 ? $", version {info.Version}" : ""));
        Row("Disk size", DiskArguments.ShowSize(info.SizeBytes));
        Row("On the host", DiskArguments.ShowSize(info.HostBytes));
        Row("Cluster size", info.ClusterBytes > 0 ? DiskArguments.ShowSize(info.ClusterBytes) : null);
        Row("Refcounts", info.RefcountBits > 0 ? $"{info.RefcountBits} bits" : null);
        Row("Compression", info.Compression);
        Row("Backing file", info.BackingFile is null ? null : $"{info.BackingFile} ({info.BackingFormat ?? "format not said"})");
        Row("Snapshots", info.Snapshots.Count > 0 ? string.Join(", ", info.Snapshots) : null);
        Row("State", info.IsCorrupt ? "marked as corrupt: check it" : info.IsDirty ? "was not closed: it is repaired when it is opened for writing" : null);
        if (Console.IsOutputRedirected)
        {
            // Nobody's screen ends here.
            AnsiConsole.Profile.Width = 1000;
        }

        AnsiConsole.Write(table);
    }

    private static string ToJson(string path, DiskImageInfo info)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true }))
        {
            json.WriteStartObject();
            json.WriteString("file", path);
            json.WriteString("format", DiskArguments.NameOf(info.Format));
            json.WriteNumber("sizeBytes", info.SizeBytes);
            json.WriteNumber("fileBytes", info.FileBytes);
            json.WriteNumber("hostBytes", info.HostBytes);
            if (info.ClusterBytes > 0)
            {
                json.WriteNumber("clusterBytes", info.ClusterBytes);
            }

            if (info.Format == DiskFormat.Qcow2)
            {
                json.WriteNumber("version", info.Version);
                json.WriteNumber("refcountBits", info.RefcountBits);
                json.WriteString("compression", info.Compression);
                json.WriteString("backingFile", info.BackingFile);
                json.WriteString("backingFormat", info.BackingFormat);
                json.WriteBoolean("isDirty", info.IsDirty);
                json.WriteBoolean("isCorrupt", info.IsCorrupt);
                json.WriteStartArray("snapshots");
                foreach (var snapshot in info.Snapshots)
                {
                    json.WriteStringValue(snapshot);
                }

                json.WriteEndArray();
            }

            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(stream.ToArray());
    }

    /// <summary>Names come from the image: they must not command the terminal.</summary>
    private static string Printable(string text) => string.Concat(text.Select(each => char.IsControl(each) ? '?' : each));
}
