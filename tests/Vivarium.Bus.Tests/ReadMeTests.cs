using System.Text.RegularExpressions;

namespace Vivarium.Bus.Tests;

/// <summary>The README's example, compiled and run as it stands there.</summary>
public sealed class ReadMeTests
{
    [Fact]
    public void The_example_runs()
    {
        var pic = new Pins(16);
        var ioApic = new Pins(24);

        var deviceLock = new Lock();
        var ports = new PortBus(deviceLock);
        var post = ports.Map(0x80, 1, new PostCodePort(), "post");
        ports.WritePort(0x80, 1, 0x42);

        var router = new InterruptRouter();
        router.RoutePc(pic, ioApic);
        IrqLine line = router.Connect(4);
        line.SetLevel(true);

        post.Dispose();
        Console.WriteLine(ports.ReadPort(0x80, 1)); // 255: nobody is there any more

        Assert.Equal(255u, ports.ReadPort(0x80, 1));
        Assert.Equal((4, 4), (pic.LastPin, ioApic.LastPin));
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

    private sealed class PostCodePort : IPortDevice
    {
        private uint _code;

        public IoResult ReadPort(ushort offset, int sizeBytes, out uint value)
        {
            value = _code;
            return IoResult.Ok;
        }

        public IoResult WritePort(ushort offset, int sizeBytes, uint value)
        {
            _code = value;
            return IoResult.Ok;
        }
    }

    private sealed class Pins(int count) : IInterruptInput
    {
        public int PinCount => count;

        public int LastPin { get; private set; }

        public void SetPin(int pin, bool level) => LastPin = pin;
    }
}
