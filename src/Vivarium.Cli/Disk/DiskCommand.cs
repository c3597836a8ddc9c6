using System.CommandLine;

namespace Vivarium.Cli;

/// <summary><c>vivarium disk</c>: disk images.</summary>
internal static class DiskCommand
{
    private const string Notes = """
        Examples:
          vivarium disk create disk.qcow2 20G
          vivarium disk info disk.qcow2
          vivarium disk convert disk.vhdx disk.qcow2

        Formats go by the file's name: .qcow2, .vhdx, and .raw, .img or .iso for raw; --format says it for other names. They are never guessed from
        the content: the guest of a raw disk chooses what that begins with.
        """;

    public static Command Create() => new NotedCommand("disk", "Creates, describes, checks, converts, resizes and commits disk images.", Notes)
    {
        DiskCreateCommand.Create(),
        DiskInfoCommand.Create(),
        DiskCheckCommand.Create(),
        DiskConvertCommand.Create(),
        DiskResizeCommand.Create(),
        DiskCommitCommand.Create(),
    };
}
