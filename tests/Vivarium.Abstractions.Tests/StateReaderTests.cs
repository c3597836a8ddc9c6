using FsCheck.Xunit;

namespace Vivarium.Abstractions.Tests;

public sealed class StateReaderTests
{
    [Property]
    public bool Fields_come_back_as_written(ulong a, long b, byte[] c)
    {
        var writer = new StateWriter();
        writer.Write(1, a);
        writer.Write(2, b);
        writer.Write(3, c.AsSpan());
        var reader = new StateReader("unit", 1, writer.WrittenMemory);
        return reader.ReadUInt64(1) == a && reader.ReadInt64(2) == b && reader.ReadBytes(3).SequenceEqual(c);
    }

    [Property]
    public bool Cut_or_random_fields_are_refused_or_read_but_never_crash(byte[] bytes)
    {
        try
        {
            var reader = new StateReader("unit", 1, bytes);
            return !reader.Has(0) || reader.ReadBytes(0).Length <= bytes.Length;
        }
        catch (StateFormatException)
        {
            return true;
        }
    }

    [Fact]
    public void A_missing_field_names_the_unit()
    {
        var reader = new StateReader("uart0", 1, default);
        Assert.Contains("uart0", Assert.Throws<StateFormatException>(() => reader.ReadUInt64(7)).Message, StringComparison.Ordinal);
    }
}
