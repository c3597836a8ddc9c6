using System.CommandLine;
using Vivarium.Storage;

namespace Vivarium.Cli;

/// <summary><c>vivarium disk commit</c>.</summary>
internal static class DiskCommitCommand
{
    private const string Notes = """
        Examples:
          vivarium disk commit child.qcow2
          vivarium disk commit child.qcow2 --backing-files any

        Other images over the same backing file become worthless: they are made of what it was.
        """;

    public static Command Create()
    {
        var file = new Argument<string>("file") { Description = "A qcow2 image with a backing file." };
        var backing = DiskArguments.BackingOption();
        var command = new NotedCommand("commit", "Writes what an image holds into its backing file, and empties the image.", Notes) { file, backing };
        command.SetAction(async (result, cancellationToken) =>
        {
            var path = result.GetValue(file)!;
            var options = new DiskOptions { Backing = DiskArguments.ParseBacking(result.GetValue(backing)!) };
            await DiskProgress.RunAsync(
                $"Committing {Path.GetFileName(path)}",
                async progress => await DiskImage.CommitAsync(path, options, progress, cancellationToken).ConfigureAwait(false)).ConfigureAwait(false);
            return ExitCodes.Success;
        });
        return command;
    }
}
