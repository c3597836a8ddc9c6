using System.CommandLine;
using Vivarium.Storage;

namespace Vivarium.Cli;

/// <summary><c>vivarium disk convert</c>.</summary>
internal static class DiskConvertCommand
{
    private const string Notes = """
        Examples:
          vivarium disk convert disk.vhdx disk.qcow2
          vivarium disk convert child.qcow2 whole.img
          vivarium disk convert backup disk.qcow2 --format qcow2

        The new image has the whole content, backing files' included, and is thin: zeros take no room. Internal snapshots stay behind.
        """;

    public static Command Create()
    {
        var source = new Argument<string>("source") { Description = "The image to read." };
        var target = new Argument<string>("target") { Description = "The image to create." };
        var format = DiskArguments.FormatOption("--format", "The source's format");
        var targetFormat = DiskArguments.FormatOption("--target-format", "The target's format");
        var backing = DiskArguments.BackingOption();
        var command = new NotedCommand("convert", "Copies a disk image into one of another format.", Notes) { source, target, format, targetFormat, backing };
        command.SetAction(async (result, cancellationToken) =>
        {
            var (from, to) = (result.GetValue(source)!, result.GetValue(target)!);
            var toFormat = DiskArguments.ParseFormat(result.GetValue(targetFormat), to);
            if (toFormat == DiskFormat.Vhdx)
            {
                throw new UsageException("VHDX images can only be read; take qcow2 or raw for the target.");
            }

            var options = new DiskOptions { IsReadOnly = true, Backing = DiskArguments.ParseBacking(result.GetValue(backing)!) };
            var disk = await DiskImage.OpenAsync(from, DiskArguments.ParseFormat(result.GetValue(format), from), options).ConfigureAwait(false);
            await using (disk.ConfigureAwait(false))
            {
                DiskArguments.MustNotExist(to);
                await CopyAsync(disk, to, toFormat, cancellationToken).ConfigureAwait(false);
            }

            return ExitCodes.Success;
        });
        return command;
    }

    private static async Task CopyAsync(IBlockBackend disk, string to, DiskFormat format, CancellationToken cancellationToken)
    {
        var isDone = false;
        IBlockBackend copy = format == DiskFormat.Raw
            ? await RawDisk.CreateAsync(to, disk.SizeBytes).ConfigureAwait(false)
            : await Qcow2Disk.CreateAsync(to, disk.SizeBytes).ConfigureAwait(false);
        try
        {
            await DiskProgress.RunAsync(
                $"Writing {Path.GetFileName(to)}",
                async progress => await DiskImage.CopyAsync(disk, copy, progress, cancellationToken).ConfigureAwait(false)).ConfigureAwait(false);
            isDone = true;
        }
        finally
        {
            await copy.DisposeAsync().ConfigureAwait(false);
            if (!isDone)
            {
                // Half an image is worth nothing, and looks like one.
                File.Delete(to);
            }
        }
    }
}
