using System.CommandLine;
using Vivarium.Measurements;

var markdown = new Option<string?>("--markdown") { Description = "Appends the tables to this file.", Recursive = true };
var root = new RootCommand("Measures what Vivarium promises; exit code 1 if a requirement is not met. Guests come from eng/get-guest.sh.") { markdown };
var only = new Option<string?>("--only") { Description = "Only the boots whose name holds this text." };
var boots = Add("boots", "Boots every guest to a shell, with 1 and 2 vCPUs.", (file, result) => BootTable.RunAsync(file, result.GetValue(only)));
boots.Add(only);
Add("idle", "What idle Debian guests cost, one and 100 at once.", (file, _) => IdleCost.RunAsync(file));
Add("memory", "What a machine of 4 GiB costs beyond what its guest touched.", (file, _) => MemoryCost.RunAsync(file));
Add("start", "From Build() to the first guest instruction.", (file, _) => StartLatency.RunAsync(file));
Add("shares", "Weights and caps on a worker pool.", (file, _) => FairShares.RunAsync(file));
Add("density", "200 small machines, and 20 Debian machines of 4 GiB.", (file, _) => ManyMachines.RunAsync(file));
Add("snapshots", "Snapshots at random instants, each finished by a new process.", (file, _) => SnapshotProof.RunAsync(file));
var snapshot = new Argument<string>("file");
var resume = new Command("resume", "The new process of \"snapshots\".") { snapshot };
resume.SetAction((result, _) => SnapshotProof.ResumeAsync(result.GetValue(snapshot)!));
resume.Hidden = true;
root.Add(resume);
return await root.Parse(args).InvokeAsync();

Command Add(string name, string description, Func<string?, ParseResult, Task<int>> measureAsync)
{
    var command = new Command(name, description);
    command.SetAction(async (result, _) =>
    {
        try
        {
            return await measureAsync(result.GetValue(markdown), result);
        }
        catch (MeasurementException exception)
        {
            await Console.Error.WriteLineAsync(exception.Message);
            return 1;
        }
    });
    root.Add(command);
    return command;
}
