namespace Vivarium.X86.Tests;

public sealed class HostEntropyTests
{
    /// <summary>Longer than what the host gives in one call; a byte is zero once in 256.</summary>
    [Fact]
    public void A_long_span_is_filled_to_its_end()
    {
        var first = new byte[1001];
        var second = new byte[1001];
        new HostEntropy().Fill(first);
        new HostEntropy().Fill(second);
        Assert.NotEqual(first, second);
        Assert.All(first.Chunk(77), part => Assert.Contains(part, each => each != 0));
        Assert.InRange(first.Count(each => each == 0), 0, 40);
        new HostEntropy().Fill([]);
    }
}
