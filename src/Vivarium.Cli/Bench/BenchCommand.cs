using System.CommandLine;
using System.Globalization;

namespace Vivarium.Cli;

/// <summary><c>vivarium bench</c>: measures parts of the SDK on this host.</summary>
internal static class BenchCommand
{
    private const string Notes = """
        Examples:
          vivarium bench cpu
          vivarium bench switch
          vivarium bench switch --seconds 10 --json
        """;

    private const string SwitchNotes = """
        Two ports on one core. A frame of 64 bytes goes through the switch and is copied to its receiver, which checks its sequence number and its
        checksum. The same is measured on a switch of 1,000 ports that all have been heard, by turns, so that both see the same host.
        """;

    private const string CpuNotes = """
        A loop of six instructions without memory, in millions of guest instructions a second, on each engine.
        """;

    private const string MemoryNotes = """
        A guest that copies 8 MiB by REP MOVSD, and one that adds up a word of each line of 16 MiB, on each engine.
        """;

    private const string DevicesNotes = """
        A guest that reads a register of a device again and again, at a port and in memory, through the machine's buses, on each engine.
        """;

    public static Command Create() => new NotedCommand("bench", "Measures parts of Vivarium on this host.", Notes)
    {
        CreateGuest("cpu", "Guest instructions a second.", CpuNotes, [new("InstructionsPerSecond", "million instructions a second", GuestBench.ArithmeticLoop, 1)]),
        CreateGuest("memory", "Guest memory, copied and read.", MemoryNotes,
        [
            new("CopiedBytesPerSecond", "million bytes a second copied", GuestBench.CopyLoop, GuestBench.CopiedBytes / 5.0, InstructionsPerTurn: 50),
            new("LoadsPerSecond", "million loads a second", GuestBench.LoadLoop, 1 / 5.0),
        ]),
        CreateGuest("devices", "Accesses to a device a second.", DevicesNotes,
        [
            new("PortReadsPerSecond", "million reads of a port a second", GuestBench.PortLoop, 1 / 2.0, InstructionsPerTurn: 50_000),
            new("MmioReadsPerSecond", "million reads of a register in memory a second", GuestBench.MmioLoop, 1 / 2.0, InstructionsPerTurn: 50_000),
        ]),
        CreateSwitch(),
    };

    private static NotedCommand CreateGuest(string name, string description, string notes, IReadOnlyList<GuestFigure> figures) => CreateOne(name, description, notes, (seconds, json) =>
    {
        var share = (double)seconds / (GuestBench.Engines.Count * figures.Count);
        var measured = GuestBench.Engines.SelectMany(engine => figures.Select(figure =>
            (Engine: engine.Name, Figure: figure, Value: figure.PerInstruction * GuestBench.Run(figure.Loop, engine.Recompiles, share, figure.InstructionsPerTurn)))).ToList();
        return json
            ? $"{{{string.Concat(measured.Select(one => string.Create(CultureInfo.InvariantCulture, $"\"{one.Engine}{one.Figure.Name}\":{one.Value:F0},")))}\"seconds\":{seconds}}}"
            : string.Join(Environment.NewLine, measured.Select(one => string.Create(CultureInfo.InvariantCulture, $"{one.Value / 1e6:F1} {one.Figure.Text}, {one.Engine}")));
    });

    private static NotedCommand CreateSwitch() => CreateOne("switch", "Frames a second through the virtual switch.", SwitchNotes, (seconds, json) =>
    {
        var measured = SwitchBench.Run(seconds);
        return json
            ? string.Create(CultureInfo.InvariantCulture, $$"""{"framesPerSecond":{{measured.FramesPerSecond:F0}},"allocatedBytesPerFrame":{{measured.AllocatedBytesPerFrame:0.######}},"framesPerSecondAmong1000Ports":{{measured.FramesPerSecondCrowded:F0}},"seconds":{{seconds}}}""")
            : string.Create(CultureInfo.InvariantCulture, $"""
                {measured.FramesPerSecond / 1e6:F2} million frames a second between two ports
                {measured.FramesPerSecondCrowded / 1e6:F2} million frames a second among 1,000 ports
                {measured.AllocatedBytesPerFrame:0.######} bytes allocated a frame
                """);
    });

    /// <summary>A command that measures for some seconds and prints what came of it, as text or as JSON.</summary>
    private static NotedCommand CreateOne(string name, string description, string notes, Func<int, bool, string> measure)
    {
        var seconds = new Option<string>("--seconds") { HelpName = "N", Description = "How long to measure, 1 to 3600.", DefaultValueFactory = _ => "5" };
        var json = new Option<bool>("--json") { Description = "Prints one line of JSON." };
        var command = new NotedCommand(name, description, notes) { seconds, json };
        command.SetAction(async (result, _) =>
        {
            var text = result.GetValue(seconds)!;
            if (!int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var count) || count is < 1 or > 3600)
            {
                throw new UsageException($"'{text}' is no time to measure; give --seconds a number from 1 to 3600.");
            }

            await Console.Out.WriteLineAsync(measure(count, result.GetValue(json))).ConfigureAwait(false);
            return ExitCodes.Success;
        });
        return command;
    }

    /// <summary>One figure of a guest's loop.</summary>
    /// <param name="Name">In JSON, behind the engine's name.</param>
    /// <param name="Text">Behind the figure in millions.</param>
    /// <param name="Loop">The guest's code.</param>
    /// <param name="PerInstruction">How much of it one instruction does.</param>
    /// <param name="InstructionsPerTurn">After how many the clock is looked at.</param>
    private sealed record GuestFigure(string Name, string Text, byte[] Loop, double PerInstruction, long InstructionsPerTurn = 500_000);
}
