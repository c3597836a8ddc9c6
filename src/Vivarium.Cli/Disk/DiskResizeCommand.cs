using System.CommandLine;
using Vivarium.Storage;

namespace Vivarium.Cli;

/// <summary><c>vivarium disk resize</c>.</summary>
internal static class DiskResizeCommand
{
    private const string Notes = """
        Examples:
          vivarium disk resize disk.qcow2 40G
          vivarium disk resize disk.img 10G --shrink

        What a smaller disk loses is gone: shrink the file systems in it first.
        """;

    public static Command Create()
    {
        var file = new Argument<string>("file") { Description = "The image." };
        var size = new Argument<string>("size") { Description = "Its new size, as 512M, 20G or 1T." };
        var format = DiskArguments.FormatOption();
        var shrink = new Option<bool>("--shrink") { Description = "Allows a smaller size." };
        var backing = DiskArguments.BackingOption();
        var command = new NotedCommand("resize", "Changes the size of a disk.", Notes) { file, size, format, shrink, backing };
        command.SetAction(async (result, cancellationToken) =>
        {
            var path = result.GetValue(file)!;
            var sizeBytes = DiskArguments.ParseSize(result.GetValue(size)!);
            var options = new DiskOptions { Backing = DiskArguments.ParseBacking(result.GetValue(backing)!) };
            var disk = await DiskImage.OpenAsync(path, DiskArguments.ParseFormat(result.GetValue(format), path), options).ConfigureAwait(false);
            await using (disk.ConfigureAwait(false))
            {
                if (sizeBytes < disk.SizeBytes && !result.GetValue(shrink))
                {
                    throw new UsageException($"The disk has {DiskArguments.ShowSize(disk.SizeBytes)}; what lies beyond {result.GetValue(size)} would be lost. Say --shrink if that is meant.");
                }

                await disk.ResizeAsync(sizeBytes, cancellationToken).ConfigureAwait(false);
                await disk.FlushAsync(cancellationToken).ConfigureAwait(false);
            }

            return ExitCodes.Success;
        });
        return command;
    }
}
