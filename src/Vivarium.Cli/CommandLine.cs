using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Parsing;

namespace Vivarium.Cli;

/// <summary>The command line: parses, runs a command and turns mistakes into one clear line and an exit code.</summary>
internal static class CommandLine
{
    private const string Notes = """
        Examples:
          vivarium run --kernel vmlinuz --initrd initrd.img --append "console=ttyS0" --memory 512M
          vivarium inspect vmlinuz
          vivarium trace --hex "48 01 d8 c3"
          vivarium disk create disk.qcow2 20G

        vivarium run --help has more examples, the keys and the exit codes.
        """;

    public static async Task<int> InvokeAsync(string[] args, TextWriter errors)
    {
        // Not a RootCommand, whose name is the executable's: help should show what the user types.
        var help = new HelpOption { Recursive = true };
        help.Action = new HelpWithNotes((HelpAction)help.Action!);
        var root = new NotedCommand("vivarium", "Runs x86 guests inside an ordinary process: no privilege, no kernel module.", Notes)
        {
            RunCommand.Create(),
            InspectCommand.Create(),
            TraceCommand.Create(),
            DiskCommand.Create(),
            BenchCommand.Create(),
            help,
            new VersionOption(),
        };
        var result = root.Parse(args);
        if (result.Errors.Count > 0)
        {
            return await ComplainAsync(errors, Explain(result)).ConfigureAwait(false);
        }

        try
        {
            return await result.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false, Error = errors }).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is UsageException or GuestImageException or StateFormatException)
        {
            return await ComplainAsync(errors, exception.Message).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or OutOfMemoryException)
        {
            return await ComplainAsync(errors, exception.Message).ConfigureAwait(false);
        }
        catch (VirtualMachineException exception)
        {
            await errors.WriteLineAsync($"vivarium: {exception.Message}\n{exception.InnerException}").ConfigureAwait(false);
            return ExitCodes.Failure;
        }
        catch (OperationCanceledException)
        {
            return ExitCodes.Interrupted;
        }
    }

    /// <summary>What is wrong, and where to read on.</summary>
    private static string Explain(ParseResult result)
    {
        var path = result.CommandResult.Command.Name;
        for (var parent = result.CommandResult.Parent; parent is CommandResult command; parent = command.Parent)
        {
            path = $"{command.Command.Name} {path}";
        }

        if (result.CommandResult.Command is not NotedCommand { Subcommands.Count: > 0 } group)
        {
            return $"{result.Errors[0].Message} See {path} --help.";
        }

        var names = group.Subcommands.Select(command => command.Name).ToList();
        var commands = string.Join(", ", names[..^1]) + " or " + names[^1];
        return result.UnmatchedTokens is [var token, ..]
            ? $"There is no '{token}'; give a command: {commands}. See {path} --help."
            : $"Give a command: {commands}. See {path} --help.";
    }

    private static async Task<int> ComplainAsync(TextWriter errors, string message)
    {
        await errors.WriteLineAsync($"vivarium: {message.ReplaceLineEndings(" ")}").ConfigureAwait(false);
        return ExitCodes.Usage;
    }
}
