namespace Vivarium.Measurements;

/// <summary>One way to start the tool.</summary>
/// <param name="Name">For people.</param>
/// <param name="Program">The tool's program.</param>
/// <param name="Settings">Environment variables that the runtime reads.</param>
internal sealed record StartupVariant(string Name, string Program, params (string Name, string Value)[] Settings)
{
    private const string Built = "src/Vivarium.Cli/bin/Release/net10.0/Vivarium.Cli";
    private const string Precompiled = "artifacts/tool/Vivarium.Cli";

    /// <summary>As it is built, with one setting changed, and precompiled if eng/measure-startup.sh has published that.</summary>
    public static IEnumerable<StartupVariant> All()
    {
        foreach (var (kind, path) in (IEnumerable<(string, string)>)[("built", Built), ("precompiled", Precompiled)])
        {
            var program = Repository.SourceFile(path);
            if (!File.Exists(program))
            {
                continue;
            }

            yield return new StartupVariant(kind, program);
            yield return new StartupVariant($"{kind}, TieredPGO=0", program, ("DOTNET_TieredPGO", "0"));
            yield return new StartupVariant($"{kind}, TieredPGO=1", program, ("DOTNET_TieredPGO", "1"));
            yield return new StartupVariant($"{kind}, TC_QuickJitForLoops=0", program, ("DOTNET_TC_QuickJitForLoops", "0"));
            yield return new StartupVariant($"{kind}, TC_CallCountingDelayMs=0", program, ("DOTNET_TC_CallCountingDelayMs", "0"));
            yield return new StartupVariant($"{kind}, TieredCompilation=0", program, ("DOTNET_TieredCompilation", "0"));
        }
    }
}
