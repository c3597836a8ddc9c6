using System.CommandLine;
using Spectre.Console;

namespace Vivarium.Cli;

/// <summary><c>vivarium inspect</c>: says what a file is.</summary>
internal static class InspectCommand
{
    private const string Description = """
        Describes a kernel, snapshot or other image.

        Examples:
          vivarium inspect vmlinuz
          vivarium inspect vm.snap
        """;

    public static Command Create()
    {
        var file = new Argument<string>("file") { Description = "The file." };
        var command = new Command("inspect", Description) { file };
        command.SetAction(async (result, cancellationToken) =>
        {
            var name = result.GetValue(file)!;
            var (kind, details) = await DescribeAsync(name, cancellationToken).ConfigureAwait(false);
            var table = new Table { Border = TableBorder.None, ShowHeaders = false };
            table.AddColumn("name").AddColumn("value");
            table.AddRow("File", Markup.Escape(name)).AddRow("Kind", Markup.Escape(kind));
            foreach (var (key, value) in details)
            {
                table.AddRow(Markup.Escape(key), Markup.Escape(value));
            }

            AnsiConsole.Write(table);
            return ExitCodes.Success;
        });
        return command;
    }

    private static async Task<(string Kind, IEnumerable<(string Name, string Value)> Details)> DescribeAsync(string name, CancellationToken cancellationToken)
    {
        try
        {
            var stream = File.OpenRead(name);
            await using (stream.ConfigureAwait(false))
            {
                var magic = new byte[8];
                var read = await stream.ReadAtLeastAsync(magic, magic.Length, throwOnEndOfStream: false, cancellationToken).ConfigureAwait(false);
                stream.Position = 0;
                if (read == magic.Length && magic.AsSpan().SequenceEqual("VIVARIUM"u8))
                {
                    return ("Vivarium snapshot", DescribeSnapshot(await SnapshotInfo.ReadAsync(stream, cancellationToken).ConfigureAwait(false)));
                }
            }

            var image = GuestImage.Identify(await File.ReadAllBytesAsync(name, cancellationToken).ConfigureAwait(false));
            return (NameOf(image.Kind), image.Details);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"'{name}' cannot be read: {exception.Message}");
        }
    }

    private static IEnumerable<(string Name, string Value)> DescribeSnapshot(SnapshotInfo info) =>
    [
        ("Machine", info.Configuration.Name),
        ("Preset", info.Configuration.Preset.ToString()),
        ("Memory", $"{info.Configuration.MemoryBytes >> 20} MiB, {info.MemoryBytes >> 20} MiB in use"),
        ("Processors", $"{info.Configuration.CpuCount}, model {info.Configuration.CpuModel}"),
        ("State units", string.Join(", ", info.Units.Select(unit => unit.Key))),
    ];

    private static string NameOf(GuestImageKind kind) => kind switch
    {
        GuestImageKind.LinuxBzImage => "Linux kernel (bzImage), for --kernel",
        GuestImageKind.PvhElf => "ELF image with a PVH entry, for --kernel",
        GuestImageKind.Multiboot => "Multiboot image, for --multiboot",
        GuestImageKind.OtherElf => "ELF image without an entry that Vivarium knows",
        GuestImageKind.Rom => "ROM image, for --rom",
        _ => "unknown",
    };
}
