using System.CommandLine;
using Vivarium.Storage;

namespace Vivarium.Cli;

/// <summary><c>vivarium disk check</c>.</summary>
internal static class DiskCheckCommand
{
    private const string Notes = """
        Examples:
          vivarium disk check disk.qcow2
          vivarium disk check disk.qcow2 --repair leaks
          vivarium disk check disk.qcow2 --repair all

        Leaks are space that is counted and not used; they do no harm. Make a copy before --repair all.

        Exit codes:
          0   nothing is wrong, or all was repaired
          2   the image is corrupt
          3   only leaks
          64  bad usage, or no image that can be checked
        """;

    public static Command Create()
    {
        var file = new Argument<string>("file") { Description = "A qcow2 image." };
        var repair = new Option<string?>("--repair") { HelpName = "WHAT", Description = "leaks frees what is not used; all makes all counts right." };
        var command = new NotedCommand("check", "Checks a qcow2 image, and repairs it.", Notes) { file, repair };
        command.SetAction(async (result, cancellationToken) =>
        {
            var what = result.GetValue(repair) switch
            {
                null => Qcow2Repair.None,
                "leaks" => Qcow2Repair.Leaks,
                "all" => Qcow2Repair.All,
                var other => throw new UsageException($"'{other}' says nothing of what to repair; leaks and all do."),
            };
            var path = result.GetValue(file)!;
            var found = new Qcow2CheckResult();
            await DiskProgress.RunAsync(
                $"Checking {Path.GetFileName(path)}",
                async progress => found = await DiskImage.CheckAsync(path, what, progress, cancellationToken).ConfigureAwait(false)).ConfigureAwait(false);
            foreach (var problem in found.Problems)
            {
                await Console.Out.WriteLineAsync(problem).ConfigureAwait(false);
            }

            await Console.Out.WriteLineAsync(
                $"{found.Corruptions} corruptions, {found.LeakedClusters} leaked clusters; repaired: {found.CorruptionsRepaired} corruptions, {found.LeaksRepaired} leaked clusters. " +
                $"{found.AllocatedClusters} clusters of the disk are allocated, {found.CompressedClusters} of them compressed.").ConfigureAwait(false);
            return found.Corruptions > 0 ? ExitCodes.CorruptImage : found.LeakedClusters > 0 ? ExitCodes.LeakyImage : ExitCodes.Success;
        });
        return command;
    }
}
