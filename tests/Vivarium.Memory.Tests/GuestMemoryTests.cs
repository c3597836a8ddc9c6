using System.Globalization;
using FsCheck.Xunit;

namespace Vivarium.Memory.Tests;

public sealed unsafe class GuestMemoryTests
{
    [Fact]
    public void Untouched_memory_costs_nothing()
    {
        if (!File.Exists("/proc/self/statm"))
        {
            return; // the measure is Linux's own
        }

        var before = ResidentBytes();
        using var memory = new GuestMemory();
        memory.AddRam(0, 4UL << 30);
        for (var gpa = 0UL; gpa < 4UL << 30; gpa += 1 << 20)
        {
            Assert.Equal(0UL, memory.Read<ulong>(gpa));
        }

        using (memory.Seal())
        {
            memory.Write(1UL << 31, 7);
        }

        Assert.InRange(ResidentBytes() - before, long.MinValue, 24 << 20);
    }

    [Theory]
    [InlineData(0UL, 0UL)]
    [InlineData(1UL, 4096UL)]
    [InlineData(0UL, 100UL)]
    [InlineData(GuestMemory.AddressLimit - 4096, 8192UL)]
    [InlineData(ulong.MaxValue - 4095, 4096UL)]
    [InlineData(0x1000UL, 0x2000UL)]
    public void Impossible_regions_are_refused(ulong gpa, ulong size)
    {
        using var memory = new GuestMemory();
        memory.AddRam(0x2000, 0x1000);
        Assert.Throws<ArgumentException>(() => memory.AddRam(gpa, size));
    }

    [Fact]
    public void Rom_reads_and_refuses_writes_and_survives_clearing()
    {
        using var memory = new GuestMemory();
        memory.AddRom(0xF0000, [1, 2, 3]);
        Assert.True(memory.IsRom(0xF0FFF));
        Assert.False(memory.IsRom(0xF1000));
        Assert.False(memory.TryWrite(0xF0000, (byte)9));
        Assert.True(memory.GetWritePage(0xF0000, out _) == null);
        memory.Clear();
        Assert.Equal(0xFF030201u, memory.Read<uint>(0xF0000));
        Assert.Equal(0UL, memory.RamSizeBytes);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Memory_may_be_written_while_a_reset_clears_it(bool isFork)
    {
        const ulong Bytes = 64 << 12;
        using var original = new GuestMemory();
        original.AddRam(0, Bytes);
        original.TryWrite(0x3000, new byte[0x8000].Select(static _ => (byte)7).ToArray());
        using var template = original.Seal();
        using var memory = isFork ? GuestMemory.Fork(template) : original;
        var isDone = false;
        var writer = new Thread(() =>
        {
            var value = 0UL;
            for (ulong gpa = 0; !Volatile.Read(ref isDone); gpa = (gpa + 0x1008) % (Bytes - sizeof(ulong)))
            {
                memory.Write(gpa, ++value);
                memory.TryRead(gpa, out value);
            }
        });
        writer.Start();
        for (var i = 0; i < 2_000; i++)
        {
            memory.Clear();
        }

        Volatile.Write(ref isDone, true);
        writer.Join();
        memory.Clear();
        var content = new byte[Bytes];
        Assert.True(memory.TryRead(0, content));
        Assert.Equal(-1, content.AsSpan().IndexOfAnyExcept((byte)0));
        using var other = GuestMemory.Fork(template);
        Assert.Equal(7, other.Read<byte>(0x3000));
        memory.Write(0x5000, (byte)1);
        Assert.Equal((1, 0), (memory.Read<byte>(0x5000), memory.Read<byte>(0x5001)));
    }

    [Fact]
    public void Addresses_outside_memory_have_no_page()
    {
        using var memory = new GuestMemory();
        memory.AddRam(0x1000, 0x1000);
        Assert.True(memory.GetReadPage(0x2000) == null);
        Assert.True(memory.GetReadPage(ulong.MaxValue) == null);
        Assert.True(memory.GetWritePage(0, out var cacheable) == null);
        Assert.False(cacheable);
        Assert.Throws<ArgumentOutOfRangeException>(() => memory.Read<uint>(0x1FFE));
        Assert.Throws<ArgumentOutOfRangeException>(() => memory.Write(0x1FFF, (ushort)1));
    }

    [Fact]
    public void Compare_exchange_of_every_width_replaces_only_what_it_expects()
    {
        using var memory = new GuestMemory();
        memory.AddRam(0, 0x1000);
        memory.Write(8, 0x8877665544332211);
        Assert.True(memory.TryCompareExchange(8, (byte)0xA1, (byte)0x11, out var one));
        Assert.True(memory.TryCompareExchange(10, (ushort)0xB2B2, (ushort)0, out var two));
        Assert.True(memory.TryCompareExchange(12, 0xC3C3C3C3u, 0x88776655u, out var four));
        Assert.Equal((0x11, 0x4433, 0x88776655u), ((int)one, (int)two, four));
        Assert.True(memory.TryCompareExchange(8, 1UL, 0xC3C3C3C3443322A1UL, out var eight));
        Assert.Equal(0xC3C3C3C3443322A1UL, eight);
        Assert.Equal(1UL, memory.Read<ulong>(8));
        Assert.Throws<ArgumentException>(() => memory.TryCompareExchange(9, 1u, 1u, out _));
    }

    [Fact]
    public void Dirty_pages_are_those_written_since_they_were_taken()
    {
        using var memory = new GuestMemory();
        memory.AddRam(0, 0x40000);
        memory.Write(0x3FFF8, 1L);
        memory.Write(0x5FFF, 1);
        memory.GetWritePage(0x9123, out _);
        memory.GetReadPage(0xA000);
        Assert.Equal([0x5000, 0x6000, 0x9000, 0x3F000], memory.EnumerateDirty());
        var taken = new List<ulong>();
        memory.TakeDirty(taken);
        Assert.Equal([0x5000, 0x6000, 0x9000, 0x3F000], taken);
        Assert.Empty(memory.EnumerateDirty());
        memory.Write(0x5000, (byte)2);
        Assert.Equal([0x5000], memory.EnumerateDirty());
    }

    [Fact]
    public void A_write_from_outside_invalidates_code_once()
    {
        using var memory = new GuestMemory();
        memory.AddRam(0, 0x4000);
        var listener = new RecordingListener();
        memory.AddCodeListener(listener);
        memory.MarkCode(0x1234, 16);
        memory.MarkCode(0x1000, 16);
        memory.GetWritePage(0x1000, out var cacheable);
        Assert.False(cacheable);
        Assert.Empty(listener.Pages);
        Assert.True(memory.TryWrite(0xFF0, new byte[0x20]));
        Assert.True(memory.TryWrite(0x1000, 1));
        Assert.Equal([0x1000], listener.Pages);
        memory.GetWritePage(0x1000, out cacheable);
        Assert.True(cacheable);
        memory.RemoveCodeListener(listener);
        memory.MarkCode(0x1000, 16);
        memory.InvalidateCode(0x1000);
        Assert.Single(listener.Pages);
    }

    [Fact]
    public void Only_the_marked_bytes_of_a_page_hold_code()
    {
        using var memory = new GuestMemory();
        memory.AddRam(0, 0x4000);
        memory.MarkCode(0x1100, 16);
        Assert.True(memory.HoldsCode(0x1100, 1));
        Assert.True(memory.HoldsCode(0x10FF, 2));
        Assert.True(memory.HoldsCode(0x110F, 1));
        Assert.False(memory.HoldsCode(0x10FF, 1));
        Assert.False(memory.HoldsCode(0x1110, 0xEF0));
        Assert.False(memory.HoldsCode(0x2100, 1));
        memory.MarkCode(0x1FFF, 1);
        Assert.True(memory.HoldsCode(0x1110, 0xEF0));
        memory.InvalidateCode(0x1000);
        Assert.False(memory.HoldsCode(0x1000, 0x1000));
    }

    [Property(MaxTest = 300)]
    public void A_range_holds_code_if_one_of_its_bytes_was_marked(int seed)
    {
        var random = new Random(seed);
        using var memory = new GuestMemory();
        memory.AddRam(0, 0x2000);
        var marked = new bool[0x1000];
        for (var i = random.Next(20); i >= 0; i--)
        {
            var (offset, size) = Range(random);
            memory.MarkCode(0x1000 + (ulong)offset, size);
            marked.AsSpan(offset, size).Fill(true);
        }

        for (var i = 0; i < 100; i++)
        {
            var (offset, size) = Range(random);
            Assert.Equal(marked.AsSpan(offset, size).Contains(true), memory.HoldsCode(0x1000 + (ulong)offset, size));
        }
    }

    private static (int Offset, int Size) Range(Random random)
    {
        var offset = random.Next(0x1000);
        return (offset, 1 + random.Next(Math.Min(0x1000 - offset, random.Next(8) == 0 ? 0x1000 : 100)));
    }

    [Fact]
    public void Sealing_keeps_code_and_dirty_marks_and_replacing_content_invalidates_code()
    {
        using var memory = new GuestMemory();
        memory.AddRam(0, 0x4000);
        var listener = new RecordingListener();
        memory.AddCodeListener(listener);
        memory.Write(0x1000, 42);
        memory.MarkCode(0x1000, 16);
        using var template = memory.Seal();
        Assert.True(memory.HoldsCode(0x1000, 16));
        Assert.Equal([0x1000], memory.EnumerateDirty());
        memory.ResetTo(template);
        Assert.Equal([0x1000], listener.Pages);
        Assert.Empty(memory.EnumerateDirty());
        Assert.Equal(42, memory.Read<int>(0x1000));
    }

    [Fact]
    public void Content_cannot_be_replaced_under_a_running_vcpu_or_by_another_layout()
    {
        using var memory = new GuestMemory();
        memory.AddRam(0, 0x4000);
        var participant = memory.Revocation.Register(new RevocationTests.CountingHolder());
        participant.Enter();
        Assert.Throws<InvalidOperationException>(memory.Seal);
        participant.Leave();
        using var template = memory.Seal();
        using var other = new GuestMemory();
        other.AddRam(0, 0x3000);
        Assert.Throws<ArgumentException>(() => other.ResetTo(template));
        template.Dispose();
        Assert.Throws<ObjectDisposedException>(() => GuestMemory.Fork(template));
    }

    [Fact]
    public void Disposed_memory_is_absent()
    {
        var memory = new GuestMemory();
        memory.AddRam(0, 0x1000);
        memory.Dispose();
        memory.Dispose();
        Assert.False(memory.TryRead(0, out byte _));
    }

    private static long ResidentBytes() =>
        long.Parse(File.ReadAllText("/proc/self/statm").Split(' ')[1], CultureInfo.InvariantCulture) * Environment.SystemPageSize;

    private sealed class RecordingListener : ICodePageListener
    {
        public List<ulong> Pages { get; } = [];

        public void OnCodePageInvalidated(ulong pageGpa) => Pages.Add(pageGpa);
    }
}
