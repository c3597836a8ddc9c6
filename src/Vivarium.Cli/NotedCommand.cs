using System.CommandLine;

namespace Vivarium.Cli;

/// <summary>A command with text that its own help closes with: examples, keys, exit codes.</summary>
internal sealed class NotedCommand(string name, string description, string notes) : Command(name, description)
{
    public string Notes { get; } = notes;
}
