using System.CommandLine;
using Vivarium.Measurements;

var markdown = new Option<string?>("--markdown") { Description = "Appends the tables to this file.", Recursive = true };
var root = new RootCommand("Measures what Vivarium promises; exit code 1 if a requirement is not met. Guests come from eng/get-guest.sh.") { markdown };
Add("boots", "Boots every guest to a shell, with 1 and 2 vCPUs.", BootTable.RunAsync);
return await root.Parse(args).InvokeAsync();

void Add(string name, string description, Func<string?, Task<int>> measureAsync)
{
    var command = new Command(name, description);
    command.SetAction(async (result, _) =>
    {
        try
        {
            return await measureAsync(result.GetValue(markdown));
        }
        catch (MeasurementException exception)
        {
            await Console.Error.WriteLineAsync(exception.Message);
            return 1;
        }
    });
    root.Add(command);
}
