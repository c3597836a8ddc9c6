using FsCheck.Xunit;

namespace Vivarium.Memory.Tests;

/// <summary>Random operations against plain byte arrays, forks of forks included.</summary>
public sealed class GuestMemoryModelTests
{
    private const int LowSize = 5 * GuestMemory.PageSize;
    private const int HighSize = 3 * GuestMemory.PageSize;
    private const ulong HighGpa = 0x1_0000_0000;

    [Property(MaxTest = 60)]
    public bool Memories_forked_in_any_order_behave_like_arrays(int seed)
    {
        var random = new Random(seed);
        var memories = new List<(GuestMemory Memory, byte[] Model)> { (Create(), new byte[LowSize + HighSize]) };
        var templates = new List<(MemoryTemplate Template, byte[] Model)>();
        for (var step = 0; step < 150; step++)
        {
            var (memory, model) = memories[random.Next(memories.Count)];
            switch (random.Next(12))
            {
                case 0:
                    templates.Add((memory.Seal(), (byte[])model.Clone()));
                    break;
                case 1 when templates.Count > 0:
                    var source = templates[random.Next(templates.Count)];
                    memories.Add((GuestMemory.Fork(source.Template), (byte[])source.Model.Clone()));
                    break;
                case 2 when templates.Count > 0:
                    var reset = templates[random.Next(templates.Count)];
                    memory.ResetTo(reset.Template);
                    reset.Model.CopyTo(model, 0);
                    break;
                case 3 when templates.Count > 0:
                    var victim = random.Next(templates.Count);
                    templates[victim].Template.Dispose();
                    templates.RemoveAt(victim);
                    break;
                case 4 when memories.Count > 1:
                    memories.Remove((memory, model));
                    memory.Dispose();
                    break;
                case 5:
                    var page = random.Next(5);
                    memory.Discard((ulong)(page * GuestMemory.PageSize), GuestMemory.PageSize);
                    model.AsSpan(page * GuestMemory.PageSize, GuestMemory.PageSize).Clear();
                    break;
                default:
                    Write(memory, model, random);
                    break;
            }
        }

        var equal = memories.All(each => Matches(each.Memory, each.Model)) &&
            templates.All(each =>
            {
                using var fork = GuestMemory.Fork(each.Template);
                return Matches(fork, each.Model);
            });
        memories.ForEach(each => each.Memory.Dispose());
        templates.ForEach(each => each.Template.Dispose());
        return equal;
    }

    [Property]
    public bool An_access_that_leaves_memory_fails_whole(ushort start, ushort length)
    {
        using var memory = Create();
        var gpa = (ulong)start % (LowSize + 10);
        var source = new byte[length];
        source.AsSpan().Fill(0xAA);
        var fits = gpa + length <= LowSize;
        var content = new byte[LowSize];
        return memory.TryWrite(gpa, source) == fits &&
            memory.TryRead(gpa, new byte[length]) == fits &&
            memory.TryRead(0, content) &&
            content.Count(value => value == 0xAA) == (fits ? length : 0);
    }

    [Property]
    public bool Typed_access_anywhere_agrees_with_bytes(ushort gpa, ulong value)
    {
        using var memory = Create();
        var bytes = new byte[8];
        var wrote = memory.TryWrite(gpa, value);
        return memory.TryRead(gpa, out ulong back) == wrote && memory.TryRead(gpa, bytes) == wrote &&
            (!wrote || (back == value && BitConverter.ToUInt64(bytes) == value));
    }

    private static GuestMemory Create()
    {
        var memory = new GuestMemory();
        memory.AddRam(HighGpa, HighSize);
        memory.AddRam(0, LowSize);
        return memory;
    }

    private static void Write(GuestMemory memory, byte[] model, Random random)
    {
        var high = random.Next(3) == 0;
        var size = high ? HighSize : LowSize;
        var start = random.Next(size);
        var data = new byte[random.Next(Math.Min(6000, size - start + 1))];
        random.NextBytes(data);
        Assert.True(memory.TryWrite((high ? HighGpa : 0) + (ulong)start, data));
        data.CopyTo(model, (high ? LowSize : 0) + start);
    }

    private static bool Matches(GuestMemory memory, byte[] model)
    {
        var content = new byte[LowSize + HighSize];
        var populated = new byte[LowSize + HighSize];
        foreach (var range in memory.EnumeratePopulated(2 * GuestMemory.PageSize))
        {
            var offset = (int)(range.Gpa >= HighGpa ? range.Gpa - HighGpa + LowSize : range.Gpa);
            Assert.True(memory.TryRead(range.Gpa, populated.AsSpan(offset, (int)range.SizeBytes)));
        }

        return memory.TryRead(0, content.AsSpan(0, LowSize)) && memory.TryRead(HighGpa, content.AsSpan(LowSize)) &&
            content.AsSpan().SequenceEqual(model) && populated.AsSpan().SequenceEqual(model);
    }
}
