using System.CommandLine;
using System.Globalization;
using Vivarium.Storage;

namespace Vivarium.Cli;

/// <summary><c>vivarium disk create</c>.</summary>
internal static class DiskCreateCommand
{
    private const string Notes = """
        Examples:
          vivarium disk create disk.qcow2 20G
          vivarium disk create disk.img 512M
          vivarium disk create child.qcow2 --backing base.qcow2
          vivarium disk create small.qcow2 1T --cluster-size 2M --refcount-bits 1 --zstd

        A new disk is thin: it takes room as it is written. With --backing it is a copy-on-write child: it reads as the backing file until it is
        written, the backing file is not changed, and must not change.
        """;

    public static Command Create()
    {
        var file = new Argument<string>("file") { Description = "The image to create." };
        var size = new Argument<string?>("size") { Description = "Its size, as 512M, 20G or 1T; with --backing the backing file's if left out.", Arity = ArgumentArity.ZeroOrOne };
        var format = DiskArguments.FormatOption();
        var backing = new Option<string?>("--backing") { HelpName = "F", Description = "Backing file (qcow2 only): a path relative to the new image, or a full one." };
        var backingFormat = DiskArguments.FormatOption("--backing-format", "The backing file's format");
        var cluster = new Option<string>("--cluster-size") { HelpName = "SIZE", Description = "Size of a cluster, 512 to 2M (qcow2 only).", DefaultValueFactory = _ => "64K" };
        var refcount = new Option<string>("--refcount-bits") { HelpName = "N", Description = "Width of a refcount: 1, 2, 4, 8, 16, 32 or 64 (qcow2 only).", DefaultValueFactory = _ => "16" };
        var version = new Option<string>("--compat") { HelpName = "V", Description = "Version of qcow2: 3, or 2 for very old programs.", DefaultValueFactory = _ => "3" };
        var zstd = new Option<bool>("--zstd") { Description = "Compressed clusters are zstd and not zlib (qcow2 only)." };
        var command = new NotedCommand("create", "Creates a thin disk image.", Notes) { file, size, format, backing, backingFormat, cluster, refcount, version, zstd };
        command.SetAction(async (result, _) =>
        {
            var path = result.GetValue(file)!;
            var kind = DiskArguments.ParseFormat(result.GetValue(format), path);
            var below = result.GetValue(backing);
            var sizeBytes = result.GetValue(size) is { } text ? DiskArguments.ParseSize(text) : (long?)null;
            if (sizeBytes is null && below is null)
            {
                throw new UsageException("Give a size, as 20G, or a backing file whose size to take.");
            }

            DiskArguments.MustNotExist(path);
            if (kind == DiskFormat.Raw)
            {
                if (below is not null)
                {
                    throw new UsageException("A raw image has no backing file; take qcow2.");
                }

                await (await RawDisk.CreateAsync(path, sizeBytes!.Value).ConfigureAwait(false)).DisposeAsync().ConfigureAwait(false);
                return ExitCodes.Success;
            }

            if (kind == DiskFormat.Vhdx)
            {
                throw new UsageException("VHDX images can only be read; take qcow2.");
            }

            var options = new Qcow2CreateOptions
            {
                ClusterBytes = ParseCluster(result.GetValue(cluster)!),
                RefcountBits = ParseNumber(result.GetValue(refcount)!, "--refcount-bits"),
                Version = ParseNumber(result.GetValue(version)!, "--compat"),
                IsZstd = result.GetValue(zstd),
                BackingFile = below,
                BackingFormat = below is null ? DiskFormat.Unknown : DiskArguments.ParseFormat(result.GetValue(backingFormat), below),
            };
            try
            {
                // The user named the backing file, wherever it lies.
                await (await Qcow2Disk.CreateAsync(path, sizeBytes, options, new DiskOptions { Backing = BackingPolicy.Any }).ConfigureAwait(false)).DisposeAsync().ConfigureAwait(false);
            }
            catch (ArgumentException exception)
            {
                throw new UsageException(exception.Message.Split(" (Parameter", 2)[0]);
            }

            return ExitCodes.Success;
        });
        return command;
    }

    private static int ParseCluster(string text) =>
        text == "512" ? 512 : DiskArguments.ParseSize(text) is var bytes and <= 2 << 20 ? (int)bytes : throw new UsageException("A cluster has 512 bytes to 2M.");

    private static int ParseNumber(string text, string option) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : throw new UsageException($"{option} takes a number, and '{text}' is none.");
}
