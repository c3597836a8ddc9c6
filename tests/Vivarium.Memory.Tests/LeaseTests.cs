using FsCheck.Xunit;

namespace Vivarium.Memory.Tests;

/// <summary>Memory lent to the host's input and output.</summary>
public sealed class LeaseTests
{
    [Property(MaxTest = 100)]
    public void What_is_lent_is_the_guests_memory(ushort start, ushort length, bool isFork, byte[] touched)
    {
        using var template = CreateTemplate();
        using var memory = isFork ? GuestMemory.Fork(template) : CreateFilled();
        foreach (var page in touched)
        {
            memory.Write((ulong)(page % 16) * 4096, page);
        }

        var gpa = (ulong)start % 0x8000;
        var size = length % 0x8000;
        var expected = new byte[size];
        Assert.True(memory.TryRead(gpa, expected));
        var read = new List<ReadOnlyMemory<byte>>();
        Assert.True(memory.TryLeaseForReading(gpa, size, read));
        Assert.Equal(expected, read.SelectMany(part => part.ToArray()));

        var written = new List<Memory<byte>>();
        Assert.True(memory.TryLeaseForWriting(gpa, size, written));
        Assert.InRange(written.Count, 0, size == 0 ? 0 : 1);
        memory.TakeDirty(new List<ulong>());
        var value = (byte)(touched.Length + 1);
        written.ForEach(part => part.Span.Fill(value));
        memory.EndWrite(gpa, (ulong)size);
        var now = new byte[size];
        memory.TryRead(gpa, now);
        Assert.All(now, each => Assert.Equal(value, each));
        Assert.Equal(Enumerable.Range(0, 16).Select(page => (ulong)page * 4096).Where(page => size > 0 && page < gpa + (ulong)size && gpa < page + 4096), memory.EnumerateDirty());

        // Who shares the template sees nothing of it.
        using var sibling = GuestMemory.Fork(template);
        var other = new byte[size];
        sibling.TryRead(gpa, other);
        Assert.True(!isFork || other.AsSpan().SequenceEqual(Pattern().AsSpan((int)gpa, size)));
    }

    [Fact]
    public void Ranges_outside_memory_are_refused_whole()
    {
        using var memory = CreateFilled();
        memory.AddRom(0x10_0000, new byte[4096]);
        var parts = new List<Memory<byte>>();
        Assert.False(memory.TryLeaseForWriting(0xF000, 0x1001, parts));
        Assert.False(memory.TryLeaseForWriting(ulong.MaxValue, 2, parts));
        Assert.False(memory.TryLeaseForWriting(0x10_0000, 1, parts));
        Assert.Empty(parts);
        Assert.True(memory.TryLeaseForReading(0x10_0000, 1, new List<ReadOnlyMemory<byte>>()));
        Assert.False(memory.Contains(0x10_0000, 1, writable: true));
        Assert.False(memory.Contains(ulong.MaxValue - 4095, 8192, writable: false));
        Assert.True(memory.Contains(0, 0x1_0000, writable: true));
    }

    [Fact]
    public void The_end_of_a_write_makes_code_stale()
    {
        using var memory = CreateFilled();
        var listener = new Listener();
        memory.AddCodeListener(listener);
        memory.MarkCode(0x2000, 16);
        var parts = new List<Memory<byte>>();
        Assert.True(memory.TryLeaseForWriting(0x1FFC, 8, parts));
        Assert.Empty(listener.Pages);
        memory.EndWrite(0x1FFC, 8);
        Assert.Equal([0x2000UL], listener.Pages);
    }

    [Fact]
    public void A_lease_across_a_gigabyte_comes_in_two_parts()
    {
        using var memory = new GuestMemory();
        memory.AddRam(0, (1UL << 30) + 8192);
        var parts = new List<Memory<byte>>();
        Assert.True(memory.TryLeaseForWriting((1UL << 30) - 100, 300, parts));
        Assert.Equal([100, 200], parts.Select(part => part.Length));
        parts[1].Span[199] = 7;
        memory.EndWrite((1UL << 30) - 100, 300);
        Assert.Equal(7, memory.Read<byte>((1UL << 30) + 199));
        using var pin = parts[0].Pin();
    }

    private static byte[] Pattern() => [.. Enumerable.Range(0, 0x1_0000).Select(each => (byte)(each * 7 / 5))];

    private static GuestMemory CreateFilled()
    {
        var memory = new GuestMemory();
        memory.AddRam(0, 0x1_0000);
        memory.TryWrite(0, Pattern());
        return memory;
    }

    private static MemoryTemplate CreateTemplate()
    {
        using var memory = CreateFilled();
        return memory.Seal();
    }

    private sealed class Listener : ICodePageListener
    {
        public List<ulong> Pages { get; } = [];

        public void OnCodePageInvalidated(ulong pageGpa) => Pages.Add(pageGpa);
    }
}
