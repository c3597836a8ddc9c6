using System.Buffers.Binary;
using System.Text;

namespace Vivarium.Devices.Tests.Acpi;

/// <summary>
/// An independent reader of the AML that the builder writes: it walks every package length and lists the names that are defined,
/// with their values. It throws when a length does not end where its content does.
/// </summary>
internal sealed class AmlWalker(byte[] aml)
{
    public Dictionary<string, object?> Names { get; } = [];

    /// <summary>Each method's flags and statements.</summary>
    public Dictionary<string, byte[]> Methods { get; } = [];

    public static AmlWalker Walk(byte[] aml)
    {
        var walker = new AmlWalker(aml);
        walker.Terms(0, aml.Length, "\\");
        return walker;
    }

    private void Terms(int at, int end, string scope)
    {
        while (at < end)
        {
            at = Term(at, scope);
        }

        Assert.Equal(end, at);
    }

    private int Term(int at, string scope)
    {
        switch (aml[at])
        {
            case 0x08:
                at = Path(at + 1, scope, out var name);
                at = Value(at, out var value);
                Names.Add(name, value);
                return at;
            case 0x10:
                return Block(at + 1, scope, "scope");
            case 0x14:
                var start = at + 1;
                at = Length(start, out var methodEnd);
                at = Path(at, scope, out var method);
                Names.Add(method, "method");
                Methods.Add(method, aml[at..methodEnd]);
                return methodEnd;
            case 0x5B when aml[at + 1] == 0x80:
                at = Path(at + 2, scope, out var region);
                Assert.Equal(1, aml[at]);
                at = Value(at + 1, out var first);
                at = Value(at, out var length);
                Names.Add(region, ((ulong)first!, (ulong)length!));
                return at;
            case 0x5B when aml[at + 1] == 0x81:
                return Fields(at + 2, scope);
            case 0x5B when aml[at + 1] == 0x82:
                return Block(at + 2, scope, "device");
            default:
                throw new FormatException($"Unknown opcode {aml[at]:X2} at {at}.");
        }
    }

    private int Block(int at, string scope, string kind)
    {
        at = Length(at, out var end);
        at = Path(at, scope, out var name);
        if (kind == "device")
        {
            Names.Add(name, kind);
        }

        Terms(at, end, name);
        return end;
    }

    /// <summary>Registers of 32 bits; each name's value is its offset in bits.</summary>
    private int Fields(int at, string scope)
    {
        at = Length(at, out var end);
        at = Path(at, scope, out _) + 1;
        for (var bits = 0UL; at < end; bits += 32, at += 5)
        {
            Assert.Equal(32, aml[at + 4]);
            Names.Add("\\" + Encoding.ASCII.GetString(aml, at, 4), bits);
        }

        Assert.Equal(end, at);
        return end;
    }

    private int Length(int at, out int end)
    {
        var extra = aml[at] >> 6;
        var length = extra == 0 ? aml[at] & 0x3F : aml[at] & 0xF;
        for (var i = 0; i < extra; i++)
        {
            length |= aml[at + 1 + i] << (4 + 8 * i);
        }

        end = at + length;
        Assert.InRange(end, at + 1, aml.Length);
        return at + 1 + extra;
    }

    private int Path(int at, string scope, out string path)
    {
        path = scope;
        if (aml[at] == '\\')
        {
            path = "\\";
            at++;
        }

        var count = aml[at] switch
        {
            0x2E => 2,
            0x2F => aml[at + 1],
            _ => 1,
        };
        at += aml[at] switch
        {
            0x2E => 1,
            0x2F => 2,
            _ => 0,
        };
        for (var i = 0; i < count; i++)
        {
            path += (path.EndsWith('\\') ? "" : ".") + Encoding.ASCII.GetString(aml, at, 4);
            at += 4;
        }

        return at;
    }

    private int Value(int at, out object? value)
    {
        switch (aml[at])
        {
            case 0x00 or 0x01:
                value = (ulong)aml[at];
                return at + 1;
            case 0x0A:
                value = (ulong)aml[at + 1];
                return at + 2;
            case 0x0B:
                value = (ulong)BinaryPrimitives.ReadUInt16LittleEndian(aml.AsSpan(at + 1));
                return at + 3;
            case 0x0C:
                value = (ulong)BinaryPrimitives.ReadUInt32LittleEndian(aml.AsSpan(at + 1));
                return at + 5;
            case 0x0E:
                value = BinaryPrimitives.ReadUInt64LittleEndian(aml.AsSpan(at + 1));
                return at + 9;
            case 0x0D:
                var zero = Array.IndexOf(aml, (byte)0, at);
                value = Encoding.ASCII.GetString(aml, at + 1, zero - at - 1);
                return zero + 1;
            case 0x11:
                at = Length(at + 1, out var bufferEnd);
                at = Value(at, out var size);
                value = aml[at..bufferEnd];
                Assert.Equal((ulong)(bufferEnd - at), size);
                return bufferEnd;
            case 0x12:
                at = Length(at + 1, out var packageEnd);
                var elements = new object?[aml[at++]];
                for (var i = 0; i < elements.Length; i++)
                {
                    at = Value(at, out elements[i]);
                }

                Assert.Equal(packageEnd, at);
                value = elements;
                return packageEnd;
            default:
                throw new FormatException($"Unknown value {aml[at]:X2} at {at}.");
        }
    }
}
