using System.Net;
using System.Text.RegularExpressions;

namespace Vivarium.Network.UserMode.Tests;

/// <summary>The README's example, compiled and run as it stands there.</summary>
public sealed class ReadMeTests
{
    [Fact]
    public void The_example_runs()
    {
        using var network = new VirtualSwitch(TimeProvider.System);
        using var gateway = new UserModeGateway(network, new UserModeOptions
        {
            Outbound = new OutboundPolicy
            {
                Allow = [new NetworkRule(IPNetwork.Parse("0.0.0.0/0")) { FirstPort = 443, LastPort = 443 }],
                Deny = [new NetworkRule(IPNetwork.Parse("10.0.0.0/8"))],
                HostLoopbackPorts = [5432],
            },
        });
        gateway.AddName("db", gateway.Address);

        using GuestListener logs = gateway.Listen(514);
        using PortForward ssh = gateway.ForwardTcp(new IPEndPoint(IPAddress.Loopback, 0), IPAddress.Parse("10.0.2.15"), 22);
        using HttpClient web = gateway.CreateHttpClient();
        Console.WriteLine(ssh.LocalEndPoint.Port > 0); // True

        Assert.Equal(IPAddress.Parse("10.0.2.2"), gateway.Address);
        Assert.True(ssh.LocalEndPoint.Port > 0);
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
