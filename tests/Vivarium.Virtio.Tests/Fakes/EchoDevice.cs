namespace Vivarium.Virtio.Tests.Fakes;

/// <summary>Holds buffers until told, then answers each with its readable bytes, inverted, over and over.</summary>
internal sealed class EchoDevice(VirtioServices services, int queueSize)
    : VirtioDevice(services, "echo", deviceType: 42, features: 0, configurationBytes: 8, [queueSize])
{
    private readonly List<DescriptorChain> _held = [];

    public int HeldCount => _held.Count;

    public bool Holds { get; set; }

    /// <summary>Answers the held buffer at a place.</summary>
    public void Answer(int place)
    {
        var chain = _held[place];
        _held.RemoveAt(place);
        Echo(chain);
        Queues[0].SignalDriver();
    }

    public void Announce(byte value)
    {
        Configuration[0] = value;
        AnnounceConfiguration();
    }

    protected override long Process(Virtqueue queue, DescriptorChain chain)
    {
        if (Holds)
        {
            _held.Add(chain);
        }
        else
        {
            Echo(chain);
        }

        return 0;
    }

    protected override void ResetDevice() => _held.Clear();

    private void Echo(DescriptorChain chain)
    {
        var input = new byte[chain.ReadableBytes];
        Assert.True(chain.TryRead(0, input));
        var output = new byte[Math.Min(chain.WritableBytes, 1 << 20)];
        for (var i = 0; i < output.Length; i++)
        {
            output[i] = input.Length == 0 ? (byte)0xAA : (byte)~input[i % input.Length];
        }

        Assert.True(chain.TryWrite(0, output));
        Queues[0].Complete(chain, (uint)output.Length);
    }
}
