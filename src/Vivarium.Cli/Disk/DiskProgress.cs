using Spectre.Console;

namespace Vivarium.Cli;

/// <summary>A bar while a disk is worked on; nothing where nobody looks.</summary>
internal static class DiskProgress
{
    public static async Task RunAsync(string what, Func<IProgress<double>?, Task> work)
    {
        if (Console.IsOutputRedirected)
        {
            await work(null).ConfigureAwait(false);
            return;
        }

        await AnsiConsole.Progress().StartAsync(context => work(new Bar(context.AddTask(Markup.Escape(what), maxValue: 1)))).ConfigureAwait(false);
    }

    private sealed class Bar(ProgressTask task) : IProgress<double>
    {
        public void Report(double value) => task.Value = value;
    }
}
