using System.Buffers.Binary;
using System.Text;

namespace Vivarium.Devices;

/// <summary>
/// Writes ACPI Machine Language (ACPI 6.5 ch. 20): scopes, devices, names, methods, packages, buffers and constants. Nested parts are
/// written by callbacks, because their length stands before them. Not thread-safe.
/// </summary>
public sealed partial class AmlWriter
{
    private readonly List<byte> _bytes = [];

    /// <summary>What was written so far.</summary>
    public byte[] ToArray() => [.. _bytes];

    /// <summary>Writes <c>Scope (path) { body }</c>.</summary>
    public AmlWriter Scope(string path, Action<AmlWriter> body) => Block([0x10], w => w.Path(path), body);

    /// <summary>Writes <c>Device (name) { body }</c>.</summary>
    public AmlWriter Device(string name, Action<AmlWriter> body) => Block([0x5B, 0x82], w => w.Path(name), body);

    /// <summary>Writes <c>Method (name, argumentCount, serialized) { body }</c>.</summary>
    /// <param name="name">The method's path.</param>
    /// <param name="argumentCount">0 to 7.</param>
    /// <param name="serialized">Whether only one thread may be in it.</param>
    /// <param name="body">Writes the statements.</param>
    public AmlWriter Method(string name, int argumentCount, bool serialized, Action<AmlWriter> body)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(argumentCount);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(argumentCount, 7);
        return Block([0x14], w => w.Path(name).Raw((byte)(argumentCount | (serialized ? 0x08 : 0))), body);
    }

    /// <summary>Writes <c>Return (value)</c>.</summary>
    public AmlWriter Return(Action<AmlWriter> value)
    {
        Raw(0xA4);
        value(this);
        return this;
    }

    /// <summary>Writes <c>Name (path, value)</c>.</summary>
    public AmlWriter Name(string path, Action<AmlWriter> value)
    {
        Raw(0x08).Path(path);
        value(this);
        return this;
    }

    /// <summary>Writes <c>Name (path, integer)</c>.</summary>
    public AmlWriter Name(string path, ulong value) => Name(path, w => w.Integer(value));

    /// <summary>Writes <c>Package () { elements }</c> of at most 255 elements.</summary>
    public AmlWriter Package(params Action<AmlWriter>[] elements)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(elements.Length, 255);
        return Block([0x12], w => w.Raw((byte)elements.Length), w => Array.ForEach(elements, e => e(w)));
    }

    /// <summary>Writes <c>Package () { integers }</c> of at most 255 elements.</summary>
    public AmlWriter Package(params ReadOnlySpan<ulong> values)
    {
        var elements = values.ToArray();
        return Package(Array.ConvertAll(elements, v => new Action<AmlWriter>(w => w.Integer(v))));
    }

    /// <summary>Writes <c>Buffer () { bytes }</c>.</summary>
    public AmlWriter Buffer(byte[] bytes)
    {
        ArgumentNullException.ThrowIfNull(bytes);
        return Block([0x11], w => w.Integer((ulong)bytes.Length), w => w.Raw(bytes));
    }

    /// <summary>Writes an integer in its shortest form.</summary>
    public AmlWriter Integer(ulong value)
    {
        Span<byte> bytes = stackalloc byte[9];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[1..], value);
        (bytes[0], var length) = value switch
        {
            0 or 1 => ((byte)value, 0),
            <= byte.MaxValue => ((byte)0x0A, 1),
            <= ushort.MaxValue => ((byte)0x0B, 2),
            <= uint.MaxValue => ((byte)0x0C, 4),
            _ => ((byte)0x0E, 8),
        };
        return Raw(bytes[..(1 + length)]);
    }

    /// <summary>Writes a string of ASCII characters 1 to 127.</summary>
    public AmlWriter String(string value)
    {
        ArgumentNullException.ThrowIfNull(value);
        if (value.AsSpan().ContainsAnyExceptInRange('\x01', '\x7F'))
        {
            throw new ArgumentException($"An AML string holds ASCII characters 1 to 127 only, but '{value}' was given.", nameof(value));
        }

        return Raw(0x0D).Raw(Encoding.ASCII.GetBytes(value)).Raw(0x00);
    }

    /// <summary>
    /// Writes <c>EisaId ("PNP0501")</c>: three capital letters and four hexadecimal digits in five bits each and two bytes.
    /// </summary>
    public AmlWriter EisaId(string id)
    {
        ArgumentNullException.ThrowIfNull(id);
        if (id.Length != 7 || id.AsSpan(0, 3).ContainsAnyExceptInRange('A', 'Z')
            || !ushort.TryParse(id.AsSpan(3), System.Globalization.NumberStyles.AllowHexSpecifier, null, out var product))
        {
            throw new ArgumentException($"An EISA ID is three capital letters and four hexadecimal digits, but '{id}' was given.", nameof(id));
        }

        var vendor = ((id[0] - 'A' + 1) << 10) | ((id[1] - 'A' + 1) << 5) | (id[2] - 'A' + 1);
        return Raw(0x0C).Raw([(byte)(vendor >> 8), (byte)vendor, (byte)(product >> 8), (byte)product]);
    }

    /// <summary>Writes a name string such as <c>\_SB.COM1</c>. Segments are padded with underscores to four characters.</summary>
    public AmlWriter Path(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        var rest = path.AsSpan();
        while (rest.Length > 0 && rest[0] is '\\' or '^')
        {
            Raw((byte)rest[0]);
            rest = rest[1..];
        }

        var segments = rest.IsEmpty ? [] : rest.ToString().Split('.');
        switch (segments.Length)
        {
            case 0:
                Raw(0x00);
                break;
            case 1:
                break;
            case 2:
                Raw(0x2E);
                break;
            default:
                Raw(0x2F).Raw((byte)segments.Length);
                break;
        }

        foreach (var segment in segments)
        {
            if (!IsNameSegment(segment))
            {
                throw new ArgumentException(
                    $"'{segment}' in the path '{path}' is not a name of one to four capital letters, digits or underscores.", nameof(path));
            }

            Raw(Encoding.ASCII.GetBytes(segment.PadRight(4, '_')));
        }

        return this;
    }

    /// <summary>Writes bytes as they are.</summary>
    public AmlWriter Raw(params ReadOnlySpan<byte> bytes)
    {
        _bytes.AddRange(bytes);
        return this;
    }

    private static bool IsNameSegment(string segment) =>
        segment.Length is > 0 and <= 4
        && !char.IsAsciiDigit(segment[0])
        && segment.All(c => char.IsAsciiLetterUpper(c) || char.IsAsciiDigit(c) || c == '_');

    /// <summary>Writes an opcode, the length of all that follows it, and that.</summary>
    private AmlWriter Block(ReadOnlySpan<byte> opcode, Action<AmlWriter> head, Action<AmlWriter> body)
    {
        var inner = new AmlWriter();
        head(inner);
        body(inner);
        Raw(opcode);
        WritePackageLength(inner._bytes.Count);
        _bytes.AddRange(inner._bytes);
        return this;
    }

    /// <summary>The length counts its own one to four bytes; the first says how many follow (ACPI 6.5 §20.2.4).</summary>
    private void WritePackageLength(int bodyBytes)
    {
        if (bodyBytes + 1 < 1 << 6)
        {
            Raw((byte)(bodyBytes + 1));
            return;
        }

        var extra = bodyBytes + 2 < 1 << 12 ? 1 : bodyBytes + 3 < 1 << 20 ? 2 : 3;
        var total = bodyBytes + 1 + extra;
        Raw((byte)((extra << 6) | (total & 0xF)));
        for (var i = 0; i < extra; i++)
        {
            Raw((byte)(total >> (4 + 8 * i)));
        }
    }
}
