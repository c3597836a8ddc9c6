using System.CommandLine;
using Vivarium.Measurements;

var markdown = new Option<string?>("--markdown") { Description = "Appends the tables to this file.", Recursive = true };
var root = new RootCommand("Measures what Vivarium promises; exit code 1 if a requirement is not met. Guests come from eng/get-guest.sh.") { markdown };
Add("boots", "Boots every guest to a shell, with 1 and 2 vCPUs.", BootTable.RunAsync);
Add("idle", "What idle Debian guests cost, one and 100 at once.", IdleCost.RunAsync);
Add("memory", "What a machine of 4 GiB costs beyond what its guest touched.", MemoryCost.RunAsync);
Add("start", "From Build() to the first guest instruction.", StartLatency.RunAsync);
Add("shares", "Weights and caps on a worker pool.", FairShares.RunAsync);
Add("density", "200 small machines, and 20 Debian machines of 4 GiB.", ManyMachines.RunAsync);
Add("snapshots", "Snapshots at random instants, each finished by a new process.", SnapshotProof.RunAsync);
var file = new Argument<string>("file");
var resume = new Command("resume", "The new process of \"snapshots\".") { file };
resume.SetAction((result, _) => SnapshotProof.ResumeAsync(result.GetValue(file)!));
resume.Hidden = true;
root.Add(resume);
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
