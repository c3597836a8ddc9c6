using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace Vivarium.Cli;

/// <summary>The usual help, followed by the command's notes.</summary>
internal sealed class HelpWithNotes(HelpAction usual) : SynchronousCommandLineAction
{
    public override bool ClearsParseErrors => usual.ClearsParseErrors;

    public override int Invoke(ParseResult parseResult)
    {
        var code = usual.Invoke(parseResult);
        if (parseResult.CommandResult.Command is NotedCommand command)
        {
            parseResult.InvocationConfiguration.Output.WriteLine(command.Notes);
        }

        return code;
    }
}
