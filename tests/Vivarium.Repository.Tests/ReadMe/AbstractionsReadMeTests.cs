namespace Vivarium.Repository.Tests.ReadMe;

public sealed class AbstractionsReadMeTests
{
    [Fact]
    public void The_dice_fall()
    {
        var line = new CountingLine();
        var dice = new Dice(line, new Sevens());
        Assert.Equal(IoResult.Ok, dice.ReadPort(0, 1, out var value));
        Assert.Equal(2u, value);
        Assert.Equal(1, line.Rises);
        Assert.Equal(IoResult.ReadOnly, dice.WritePort(0, 1, 3));
    }

    [Fact]
    public void The_example_is_the_readmes() => Snippet.AssertInTest("src/Vivarium.Abstractions/README.md", nameof(AbstractionsReadMeTests));

    private sealed class Sevens : IEntropySource
    {
        public void Fill(Span<byte> destination) => destination.Fill(7);
    }

    private sealed class CountingLine : IrqLine
    {
        public int Rises { get; private set; }

        protected override void OnLevelChanged(bool level) => Rises += level ? 1 : 0;
    }
}

/// <summary>Port 0 gives a random number, and the line pulses when it is read.</summary>
public sealed class Dice(IrqLine irq, IEntropySource entropy) : IPortDevice
{
    public IoResult ReadPort(ushort offset, int sizeBytes, out uint value)
    {
        Span<byte> random = stackalloc byte[1];
        entropy.Fill(random);
        value = (uint)(random[0] % 6) + 1;
        irq.Pulse();
        return IoResult.Ok;
    }

    public IoResult WritePort(ushort offset, int sizeBytes, uint value) => IoResult.ReadOnly;
}
