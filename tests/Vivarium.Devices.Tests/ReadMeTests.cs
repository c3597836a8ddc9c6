using System.Text.RegularExpressions;
using Vivarium.Bus;
using Vivarium.Devices.Tests.Fakes;

namespace Vivarium.Devices.Tests;

/// <summary>The README's example, compiled and run as it stands there.</summary>
public sealed class ReadMeTests
{
    [Fact]
    public void The_example_runs()
    {
        var clock = new FakeClock();
        var irqLine = new RecordingIrqLine();
        var consoleSink = new CollectingSink();
        var vcpu = new FakeVcpu(clock);
        var deviceLock = new Lock();
        var ports = new PortBus(deviceLock);

        var uart = new Uart16550("uart0", irqLine, consoleSink, clock);
        ports.Map(0x3F8, 8, uart, "uart0");

        var apics = new LocalApicSet(deviceLock);
        var pic = new Pic8259Pair(apics.Lint0);
        apics.ExternalInterrupts = pic;
        var ioApic = new IoApic(apics);
        apics.AddEoiListener(ioApic);
        var apic = new LocalApic(apicId: 0, isBootstrap: true, apics, clock);
        apic.Connect(vcpu, vcpu);

        ports.WritePort(0x3F8, 1, 'V');
        Assert.Equal("V", consoleSink.Text);
        pic.SetPin(3, true);
        Assert.True(apic.HasPendingInterrupt);
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
