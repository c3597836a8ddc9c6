namespace Vivarium;

/// <summary>Drops everything.</summary>
internal sealed class NullCharacterSink : ICharacterSink
{
    public void Write(ReadOnlySpan<byte> data)
    {
    }
}
