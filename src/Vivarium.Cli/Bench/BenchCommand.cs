using System.CommandLine;
using System.Globalization;

namespace Vivarium.Cli;

/// <summary><c>vivarium bench</c>: measures parts of the SDK on this host.</summary>
internal static class BenchCommand
{
    private const string Notes = """
        Examples:
          vivarium bench switch
          vivarium bench switch --seconds 10 --json
        """;

    private const string SwitchNotes = """
        Two ports on one core. A frame of 64 bytes goes through the switch and is copied to its receiver, which checks its sequence number and its
        checksum. The same is measured on a switch of 1,000 ports that all have been heard, by turns, so that both see the same host.
        """;

    public static Command Create() => new NotedCommand("bench", "Measures parts of Vivarium on this host.", Notes) { CreateSwitch() };

    private static NotedCommand CreateSwitch()
    {
        var seconds = new Option<string>("--seconds") { HelpName = "N", Description = "How long to measure, 1 to 3600.", DefaultValueFactory = _ => "5" };
        var json = new Option<bool>("--json") { Description = "Prints one line of JSON." };
        var command = new NotedCommand("switch", "Frames a second through the virtual switch.", SwitchNotes) { seconds, json };
        command.SetAction(async (result, _) =>
        {
            var text = result.GetValue(seconds)!;
            if (!int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var count) || count is < 1 or > 3600)
            {
                throw new UsageException($"'{text}' is no time to measure; give --seconds a number from 1 to 3600.");
            }

            var measured = SwitchBench.Run(count);
            var line = result.GetValue(json)
                ? string.Create(CultureInfo.InvariantCulture, $$"""{"framesPerSecond":{{measured.FramesPerSecond:F0}},"allocatedBytesPerFrame":{{measured.AllocatedBytesPerFrame:0.######}},"framesPerSecondAmong1000Ports":{{measured.FramesPerSecondCrowded:F0}},"seconds":{{count}}}""")
                : string.Create(CultureInfo.InvariantCulture, $"""
                    {measured.FramesPerSecond / 1e6:F2} million frames a second between two ports
                    {measured.FramesPerSecondCrowded / 1e6:F2} million frames a second among 1,000 ports
                    {measured.AllocatedBytesPerFrame:0.######} bytes allocated a frame
                    """);
            await Console.Out.WriteLineAsync(line).ConfigureAwait(false);
            return ExitCodes.Success;
        });
        return command;
    }
}
