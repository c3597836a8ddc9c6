namespace Vivarium;

/// <summary>The host's end of a character device's output (a UART's transmitter). Called with the device lock held; must not block: buffer or drop.</summary>
public interface ICharacterSink
{
    /// <summary>Takes all of <paramref name="data"/>.</summary>
    void Write(ReadOnlySpan<byte> data);
}
