using System.Text;

namespace Vivarium.Devices.Tests.Fakes;

internal sealed class CollectingSink : ICharacterSink
{
    private readonly List<byte> _bytes = [];

    public string Text => Encoding.Latin1.GetString([.. _bytes]);

    public void Write(ReadOnlySpan<byte> data) => _bytes.AddRange(data);
}
