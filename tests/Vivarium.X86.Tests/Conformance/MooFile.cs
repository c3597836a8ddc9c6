using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace Vivarium.X86.Tests.Conformance;

/// <summary>One captured case: its instruction (<paramref name="Length"/> bytes, the closing HLT not counted), registers and memory before and after an instruction.</summary>
internal sealed record MooCase(string Form, int Index, string Name, string Hash, int Length, MooState Initial, MooState Final, MooException? Exception);

/// <summary>Registers by name and memory by address; in a final state only what changed.</summary>
internal sealed record MooState(IReadOnlyDictionary<string, ushort> Registers, IReadOnlyList<(uint Address, byte Value)> Ram);

/// <summary>An exception of the case: its vector, and where its flags were pushed.</summary>
internal sealed record MooException(byte Vector, uint FlagAddress);

/// <summary>Reads gzipped MOO files, as the README beside the data describes them.</summary>
internal static class MooFile
{
    private static readonly string[] s_registers = ["ax", "bx", "cx", "dx", "cs", "ss", "ds", "es", "sp", "bp", "si", "di", "ip", "flags"];

    public static IReadOnlyList<MooCase> Read(string path)
    {
        using var gzip = new GZipStream(File.OpenRead(path), CompressionMode.Decompress);
        using var memory = new MemoryStream();
        gzip.CopyTo(memory);
        var form = Path.GetFileName(path).Replace(".MOO.gz", string.Empty, StringComparison.Ordinal);
        var cases = new List<MooCase>();
        foreach (var (tag, body) in Chunks(memory.ToArray()))
        {
            if (tag == "TEST")
            {
                cases.Add(ReadCase(form, body));
            }
        }

        return cases;
    }

    private static MooCase ReadCase(string form, ReadOnlyMemory<byte> body)
    {
        var index = BinaryPrimitives.ReadInt32LittleEndian(body.Span);
        var parts = Chunks(body[4..]).ToDictionary(c => c.Tag, c => c.Body);
        MooException? exception = null;
        if (parts.TryGetValue("EXCP", out var excp))
        {
            exception = new MooException(excp.Span[0], BinaryPrimitives.ReadUInt32LittleEndian(excp.Span[1..]));
        }

        return new MooCase(
            form,
            index,
            Encoding.ASCII.GetString(parts["NAME"].Span[4..]),
            parts.TryGetValue("HASH", out var hash) ? Convert.ToHexStringLower(hash.Span) : string.Empty,
            BinaryPrimitives.ReadInt32LittleEndian(parts["BYTS"].Span) - 1,
            ReadState(parts["INIT"]),
            ReadState(parts["FINA"]),
            exception);
    }

    private static MooState ReadState(ReadOnlyMemory<byte> body)
    {
        var registers = new Dictionary<string, ushort>();
        var ram = new List<(uint, byte)>();
        foreach (var (tag, part) in Chunks(body))
        {
            var span = part.Span;
            if (tag == "REGS")
            {
                var mask = BinaryPrimitives.ReadUInt16LittleEndian(span);
                var offset = 2;
                for (var i = 0; i < s_registers.Length; i++)
                {
                    if ((mask & (1 << i)) != 0)
                    {
                        registers[s_registers[i]] = BinaryPrimitives.ReadUInt16LittleEndian(span[offset..]);
                        offset += 2;
                    }
                }
            }
            else if (tag == "RAM ")
            {
                var count = BinaryPrimitives.ReadInt32LittleEndian(span);
                for (var i = 0; i < count; i++)
                {
                    ram.Add((BinaryPrimitives.ReadUInt32LittleEndian(span[(4 + (i * 5))..]), span[8 + (i * 5)]));
                }
            }
        }

        return new MooState(registers, ram);
    }

    private static IEnumerable<(string Tag, ReadOnlyMemory<byte> Body)> Chunks(ReadOnlyMemory<byte> data)
    {
        while (data.Length >= 8)
        {
            var length = BinaryPrimitives.ReadInt32LittleEndian(data.Span[4..]);
            yield return (Encoding.ASCII.GetString(data.Span[..4]), data.Slice(8, length));
            data = data[(8 + length)..];
        }
    }
}
