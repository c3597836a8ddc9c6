using Vivarium.Cli;

return await CommandLine.InvokeAsync(args, Console.Error).ConfigureAwait(false);
