using System.Buffers.Binary;
using System.Globalization;
using Vivarium.Memory;
using Vivarium.X86;

namespace Vivarium;

/// <summary>Compares two paused machines: processors, devices, and the pages that either has written since the last time.</summary>
internal sealed class LockstepComparer(VirtualMachine first, VirtualMachine second)
{
    private const int MaximumMemoryLines = 16;

    private readonly byte[] _firstPage = new byte[GuestMemory.PageSize];
    private readonly byte[] _secondPage = new byte[GuestMemory.PageSize];
    private readonly SortedSet<ulong> _pages = [];

    /// <summary>How often undefined flags were made the same.</summary>
    public long AdoptedFlagImages { get; private set; }

    /// <summary>What is different, a line each.</summary>
    public IReadOnlyList<string> Compare()
    {
        var lines = new List<string>();
        CompareTime(lines);
        foreach (var (one, other) in first.Processors.Zip(second.Processors))
        {
            AdoptedFlagImages += X86CpuComparison.AdoptFlagImages(one, other);
            lines.AddRange(X86CpuComparison.Compare(one, other).Select(line => $"cpu{one.Index} {line}"));
        }

        CompareDevices(lines);
        CompareMemory(lines);
        return lines;
    }

    private void CompareTime(List<string> lines)
    {
        if (first.Clock.NowNs != second.Clock.NowNs)
        {
            lines.Add(string.Create(CultureInfo.InvariantCulture, $"guest time: {first.Clock.NowNs} ns and {second.Clock.NowNs} ns"));
        }
    }

    private void CompareDevices(List<string> lines)
    {
        foreach (var (one, other) in first.SaveDevices().Zip(second.SaveDevices()))
        {
            if (!one.Fields.Span.SequenceEqual(other.Fields.Span))
            {
                var at = one.Fields.Span.CommonPrefixLength(other.Fields.Span);
                lines.Add($"device {one.Name}: its saved state differs from byte {at}: {Around(one.Fields.Span, at)} and {Around(other.Fields.Span, at)}");
            }
        }
    }

    private static string Around(ReadOnlySpan<byte> bytes, int at) => Convert.ToHexString(bytes[at..Math.Min(bytes.Length, at + 8)]);

    private void CompareMemory(List<string> lines)
    {
        _pages.Clear();
        first.Memory.TakeDirty(_pages);
        second.Memory.TakeDirty(_pages);
        var found = 0;
        foreach (var gpa in _pages)
        {
            if (!first.Memory.TryRead(gpa, _firstPage) || !second.Memory.TryRead(gpa, _secondPage) || _firstPage.AsSpan().SequenceEqual(_secondPage))
            {
                continue;
            }

            for (var offset = 0; offset < _firstPage.Length; offset += sizeof(ulong))
            {
                var one = BinaryPrimitives.ReadUInt64LittleEndian(_firstPage.AsSpan(offset));
                var other = BinaryPrimitives.ReadUInt64LittleEndian(_secondPage.AsSpan(offset));
                if (one != other && !Adopt(gpa + (ulong)offset, one, other) && found++ < MaximumMemoryLines)
                {
                    lines.Add(string.Create(CultureInfo.InvariantCulture, $"memory at 0x{gpa + (ulong)offset:X}: 0x{one:X16} and 0x{other:X16}"));
                }
            }
        }

        if (found > MaximumMemoryLines)
        {
            lines.Add(string.Create(CultureInfo.InvariantCulture, $"memory: {found - MaximumMemoryLines} more words of 8 bytes"));
        }
    }

    /// <summary>A saved image of RFLAGS, of 8 bytes or of 4 with something equal beside it.</summary>
    private bool Adopt(ulong gpa, ulong one, ulong other)
    {
        var low = (uint)one == (uint)other || X86CpuComparison.IsFlagImage((uint)one, (uint)other);
        var high = one >> 32 == other >> 32 || X86CpuComparison.IsFlagImage(one >> 32, other >> 32);
        if (!low || !high)
        {
            return false;
        }

        first.Memory.Write(gpa, other);
        AdoptedFlagImages++;
        return true;
    }
}
