using System.Text.RegularExpressions;

namespace Vivarium.Network.Tests;

/// <summary>The README's example, compiled and run as it stands there.</summary>
public sealed class ReadMeTests
{
    [Fact]
    public void The_example_runs()
    {
        using var file = new MemoryStream();

        using var network = new VirtualSwitch(TimeProvider.System);
        var inbox = new FrameQueue(() => Console.WriteLine("a frame waits"));
        SwitchPort alice = network.AddPort(new FrameQueue(() => { }), new SwitchPortOptions { Name = "alice" });
        SwitchPort bob = network.AddPort(inbox, new SwitchPortOptions { Name = "bob" });
        bob.ReceiveLimit = new RateLimit { BytesPerSecond = 1_000_000 };

        using (alice.Capture(file))
        {
            EthernetFrame frame = network.Pool.Rent(60);
            frame.Span.Clear();
            MacAddress.Broadcast.Write(frame.Span);
            MacAddress.FromSeed(1).Write(frame.Span[6..]);
            alice.Send([frame]);
        }

        Console.WriteLine(bob.Statistics.SentFrames); // 1

        Assert.Equal(1, bob.Statistics.SentFrames);
        Assert.Equal(1, inbox.Count);
        Assert.True(file.Length > 60);
    }

    [Fact]
    public void The_example_is_the_readmes() => Assert.Contains(Normalize(Snippet()), Normalize(Resource("ReadMeTests.cs")), StringComparison.Ordinal);

    private static string Snippet() => Regex.Match(Resource("README.md"), "```csharp\n(.*?)```", RegexOptions.Singleline).Groups[1].Value;

    private static string Normalize(string text) => Regex.Replace(text, @"\s+", " ");

    private static string Resource(string name)
    {
        using var reader = new StreamReader(typeof(ReadMeTests).Assembly.GetManifestResourceStream(name)!);
        return reader.ReadToEnd();
    }
}
