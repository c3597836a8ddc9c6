using System.CommandLine;
using System.CommandLine.Help;

namespace Vivarium.Cli;

/// <summary>The command line: parses, runs a command and turns mistakes into one clear line and an exit code.</summary>
internal static class CommandLine
{
    public static async Task<int> InvokeAsync(string[] args, TextWriter errors)
    {
        // Not a RootCommand, whose name is the executable's: help should show what the user types.
        var root = new Command("vivarium", "Runs x86 guests inside an ordinary process: no privilege, no kernel module.")
        {
            RunCommand.Create(),
            InspectCommand.Create(),
            new HelpOption { Recursive = true },
            new VersionOption(),
        };
        var result = root.Parse(args);
        if (result.Errors.Count > 0)
        {
            return await ComplainAsync(errors, result.Errors[0].Message).ConfigureAwait(false);
        }

        try
        {
            return await result.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false }).ConfigureAwait(false);
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

    private static async Task<int> ComplainAsync(TextWriter errors, string message)
    {
        await errors.WriteLineAsync($"vivarium: {message.ReplaceLineEndings(" ")}").ConfigureAwait(false);
        return ExitCodes.Usage;
    }
}
