using System.Text;

namespace Vivarium.Devices;

/// <content>What stands in methods, and the fields that they use.</content>
public sealed partial class AmlWriter
{
    /// <summary>Writes <c>If (condition) { body }</c>.</summary>
    public AmlWriter If(Action<AmlWriter> condition, Action<AmlWriter> body) => Block([0xA0], condition, body);

    /// <summary>Writes <c>Store (value, path)</c>.</summary>
    public AmlWriter Store(Action<AmlWriter> value, string path)
    {
        ArgumentNullException.ThrowIfNull(value);
        Raw(0x70);
        value(this);
        return Path(path);
    }

    /// <summary>Writes the argument of a method, <c>Arg0</c> to <c>Arg6</c>.</summary>
    public AmlWriter Argument(int number)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(number);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(number, 6);
        return Raw((byte)(0x68 + number));
    }

    /// <summary>Writes <c>Notify (path, value)</c>.</summary>
    public AmlWriter Notify(string path, ulong value) => Raw(0x86).Path(path).Integer(value);

    /// <summary>Writes <c>And (path, value)</c>, to be a condition.</summary>
    public AmlWriter And(string path, ulong value) => Raw(0x7B).Path(path).Integer(value).Raw(0x00);

    /// <summary>
    /// Writes an <c>OperationRegion</c> of I/O ports and a <c>Field</c> in it: one register of 32 bits after the other, without gaps.
    /// </summary>
    /// <param name="region">The region's name.</param>
    /// <param name="port">The first port.</param>
    /// <param name="registers">The registers' names, of four characters each.</param>
    public AmlWriter PortRegisters(string region, ushort port, params ReadOnlySpan<string> registers)
    {
        var names = registers.ToArray();
        Raw(0x5B, 0x80).Path(region).Raw(0x01).Integer(port).Integer((ulong)(sizeof(uint) * names.Length));
        return Block([0x5B, 0x81], w => w.Path(region), w =>
        {
            // Accessed as double words, without the global lock.
            w.Raw(0x03);
            foreach (var name in names)
            {
                w.Raw(Encoding.ASCII.GetBytes(name)).Raw(8 * sizeof(uint));
            }
        });
    }
}
