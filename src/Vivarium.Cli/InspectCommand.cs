using System.CommandLine;
using Spectre.Console;

namespace Vivarium.Cli;

/// <summary><c>vivarium inspect</c>: says what a file is.</summary>
internal static class InspectCommand
{
    private const string Notes = """
        Examples:
          vivarium inspect vmlinuz
          vivarium inspect vm.snap
        """;

    public static Command Create()
    {
        var file = new Argument<string>("file") { Description = "Kernel, RAM disk, multiboot image, ROM image or snapshot." };
        var command = new NotedCommand("inspect", "Describes a kernel, snapshot or other image.", Notes) { file };
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

            if (Console.IsOutputRedirected)
            {
                // Nobody's screen ends here.
                AnsiConsole.Profile.Width = 1000;
            }

            AnsiConsole.Write(table);
            return ExitCodes.Success;
        });
        return command;
    }

    private static async Task<(string Kind, IEnumerable<(string Name, string Value)> Details)> DescribeAsync(string name, CancellationToken cancellationToken)
    {
        var stream = InputFile.Open(name);
        await using (stream.ConfigureAwait(false))
        {
            if (stream.CanSeek && await IsSnapshotAsync(stream, cancellationToken).ConfigureAwait(false))
            {
                return ("Vivarium snapshot", DescribeSnapshot(await SnapshotInfo.ReadAsync(stream, cancellationToken).ConfigureAwait(false)));
            }
        }

        var image = GuestImage.Identify(InputFile.Read(name));
        return (NameOf(image.Kind), image.Details);
    }

    private static async Task<bool> IsSnapshotAsync(FileStream stream, CancellationToken cancellationToken)
    {
        var magic = new byte[8];
        var read = await stream.ReadAtLeastAsync(magic, magic.Length, throwOnEndOfStream: false, cancellationToken).ConfigureAwait(false);
        stream.Position = 0;
        return read == magic.Length && magic.AsSpan().SequenceEqual("VIVARIUM"u8);
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
        GuestImageKind.InitialRamDisk => "Initial RAM disk, for --initrd",
        GuestImageKind.Rom => "ROM image, for --rom",
        _ => "unknown",
    };
}
