using System.Buffers.Binary;
using System.Text;
using FsCheck.Xunit;
using Vivarium.Virtio.Tests.Fakes;

namespace Vivarium.Virtio.Tests;

public sealed class VirtioShareTests : IDisposable
{
    private const int NotPermitted = 1;
    private const int NoEntry = 2;
    private const int BadFile = 9;
    private const int Access = 13;
    private const int Invalid = 22;
    private const int TooManyFiles = 23;
    private const int ReadOnly = 30;
    private const int NotSupported = 95;
    private const int Stale = 116;

    private readonly string _outside = Directory.CreateTempSubdirectory("vivarium-share").FullName;
    private readonly string _folder;

    public VirtioShareTests()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Folders are shared on Linux only.");
        _folder = Path.Combine(_outside, "shared");
        Directory.CreateDirectory(Path.Combine(_folder, "a", "b"));
        File.WriteAllText(Path.Combine(_folder, "a", "b", "inner"), "inner text");
        File.WriteAllText(Path.Combine(_folder, "top"), "top text");
        File.WriteAllText(Path.Combine(_outside, "secret"), "secret");
    }

    public void Dispose() => Directory.Delete(_outside, recursive: true);

    [Fact]
    public void Files_are_walked_to_and_read()
    {
        using var client = new Scope(_folder);
        Assert.Equal("inner text", client.It.ReadFile(1, "a", "b", "inner"));
        Assert.False(client.It.Walk(1, "a", "none", "x"));
        Assert.Equal(NoEntry, client.It.Refused(110, ShareClient.Fields().U32(0).U32(1).U16(1).Text("none")));
        Assert.Equal(BadFile, client.It.Refused(120, ShareClient.Fields().U32(1)));
    }

    [Fact]
    public void A_large_file_is_written_and_read_back()
    {
        using var client = new Scope(_folder, messageBytes: 40_000);
        var data = new byte[300_000];
        new Random(7).NextBytes(data);
        client.It.Walk(1);
        client.It.Do(14, ShareClient.Fields().U32(1).Text("large").U32(0x42).U32(0x1A4).U32(0));
        for (var offset = 0; offset < data.Length;)
        {
            var part = data[offset..Math.Min(data.Length, offset + 30_000)];
            var written = client.It.Do(118, ShareClient.Fields().U32(1).U64((ulong)offset).U32((uint)part.Length).Raw(part));
            offset += BinaryPrimitives.ReadInt32LittleEndian(written);
        }

        client.It.Do(50, ShareClient.Fields().U32(1).U32(0));
        Assert.Equal(data, File.ReadAllBytes(Path.Combine(_folder, "large")));
        var read = new List<byte>();
        while (client.It.Do(116, ShareClient.Fields().U32(1).U64((ulong)read.Count).U32(1 << 20)) is { Length: > 4 } part)
        {
            Assert.Equal(part.Length - 4, BinaryPrimitives.ReadInt32LittleEndian(part));
            Assert.True(part.Length + 7 <= 40_000);
            read.AddRange(part[4..]);
        }

        Assert.Equal(data, read);
        Assert.Equal((UnixFileMode)0x1A4, ModeOf(Path.Combine(_folder, "large")));
    }

    [Fact]
    public void No_name_leads_out_of_the_folder()
    {
        using var client = new Scope(_folder);
        Assert.Equal(Access, client.It.Refused(110, ShareClient.Fields().U32(0).U32(1).U16(1).Text("..")));
        Assert.Equal(Invalid, client.It.Refused(110, ShareClient.Fields().U32(0).U32(1).U16(1).Text("../secret")));
        Assert.Equal(Invalid, client.It.Refused(110, ShareClient.Fields().U32(0).U32(1).U16(1).Text("/etc")));
        Assert.Equal(Invalid, client.It.Refused(110, ShareClient.Fields().U32(0).U32(1).U16(1).Text("a\0b")));
        Assert.Equal(Invalid, client.It.Refused(110, ShareClient.Fields().U32(0).U32(1).U16(1).Text("")));
        Assert.Equal(Access, client.It.Refused(104, ShareClient.Fields().U32(5).U32(ShareClient.NoFid).Text("root").Text("/a/../..").U32(0)));
        Assert.NotEqual(0, client.It.Refused(74, ShareClient.Fields().U32(0).Text("top").U32(0).Text("../moved")));
        Assert.NotEqual(0, client.It.Refused(72, ShareClient.Fields().U32(0).Text("../made").U32(0x1FF).U32(0)));
        Assert.NotEqual(0, client.It.Refused(76, ShareClient.Fields().U32(0).Text("../secret").U32(0)));
        Assert.NotEqual(0, client.It.Refused(16, ShareClient.Fields().U32(0).Text("../link").Text("x").U32(0)));
        Assert.True(client.It.Walk(1));
        Assert.NotEqual(0, client.It.Refused(14, ShareClient.Fields().U32(1).Text("../file").U32(0x42).U32(0x1A4).U32(0)));
        Assert.Equal(["secret", "shared"], Directory.EnumerateFileSystemEntries(_outside).Select(Path.GetFileName).Order());
    }

    [Fact]
    public void No_symbolic_link_leads_out_of_the_folder()
    {
        using var client = new Scope(_folder);
        client.It.Do(16, ShareClient.Fields().U32(0).Text("file").Text("../secret").U32(0));
        client.It.Do(16, ShareClient.Fields().U32(0).Text("folder").Text(_outside).U32(0));

        // The link itself is there, and its text; nothing goes through it.
        Assert.True(client.It.Walk(1, "file"));
        Assert.Equal("../secret", Encoding.UTF8.GetString(client.It.Do(22, ShareClient.Fields().U32(1)).AsSpan(2)));
        Assert.Equal(NotPermitted, client.It.Refused(12, ShareClient.Fields().U32(1).U32(0)));
        Assert.False(client.It.Walk(2, "folder", "secret"));
        Assert.True(client.It.Walk(2, "folder"));
        foreach (var fid in (uint[])[1, 2])
        {
            client.It.Refused(72, ShareClient.Fields().U32(fid).Text("made").U32(0x1FF).U32(0));
            client.It.Refused(14, ShareClient.Fields().U32(fid).Text("made").U32(0x42).U32(0x1A4).U32(0));
            client.It.Refused(76, ShareClient.Fields().U32(fid).Text("secret").U32(0));
            client.It.Refused(74, ShareClient.Fields().U32(0).Text("top").U32(fid).Text("moved"));
            client.It.Refused(26, SetAttributes(fid, 1, mode: 0));
            client.It.Refused(26, SetAttributes(fid, 8, size: 0));
        }

        // Creating over a link does not write through it.
        Assert.True(client.It.Walk(3));
        client.It.Refused(14, ShareClient.Fields().U32(3).Text("file").U32(0x242).U32(0x1A4).U32(0));
        var before = File.GetLastWriteTimeUtc(Path.Combine(_outside, "secret"));
        client.It.Send(26, SetAttributes(1, 0x20 | 0x100));
        Assert.Equal(before, File.GetLastWriteTimeUtc(Path.Combine(_outside, "secret")));
        Assert.Equal("secret", File.ReadAllText(Path.Combine(_outside, "secret")));
        Assert.NotEqual((UnixFileMode)0, ModeOf(Path.Combine(_outside, "secret")));
        Assert.Equal(["secret", "shared"], Directory.EnumerateFileSystemEntries(_outside).Select(Path.GetFileName).Order());
    }

    [Fact]
    public void Names_are_made_linked_moved_and_removed()
    {
        using var client = new Scope(_folder);
        client.It.Do(72, ShareClient.Fields().U32(0).Text("new").U32(0x1ED).U32(0));
        Assert.True(client.It.Walk(1, "new"));
        Assert.True(client.It.Walk(2, "top"));
        client.It.Do(70, ShareClient.Fields().U32(1).U32(2).Text("hard"));
        Assert.Equal("top text", File.ReadAllText(Path.Combine(_folder, "new", "hard")));
        client.It.Do(74, ShareClient.Fields().U32(1).Text("hard").U32(0).Text("moved"));
        Assert.Equal("top text", File.ReadAllText(Path.Combine(_folder, "moved")));
        Assert.NotEqual(0, client.It.Refused(76, ShareClient.Fields().U32(0).Text("new").U32(0)));
        client.It.Do(76, ShareClient.Fields().U32(0).Text("new").U32(0x200));
        client.It.Do(76, ShareClient.Fields().U32(0).Text("moved").U32(0));
        Assert.Equal(["a", "top"], Directory.EnumerateFileSystemEntries(_folder).Select(Path.GetFileName).Order());
    }

    [Fact]
    public void Attributes_are_read_and_set()
    {
        using var client = new Scope(_folder);
        Assert.True(client.It.Walk(1, "top"));
        client.It.Do(26, SetAttributes(1, 1 | 8, mode: 0xFFF, size: 3));
        client.It.Do(26, SetAttributes(1, 0x20 | 0x100, modified: 1_000_000_000));
        var path = Path.Combine(_folder, "top");
        Assert.Equal("top", File.ReadAllText(path));

        // All but the bits that would give rights on the host.
        Assert.Equal((UnixFileMode)0x3FF, ModeOf(path));
        Assert.Equal(DateTimeOffset.FromUnixTimeSeconds(1_000_000_000).UtcDateTime, File.GetLastWriteTimeUtc(path));
        var fields = client.It.Do(24, ShareClient.Fields().U32(1).U64(0x7FF));
        Assert.Equal(0x83FFu, BinaryPrimitives.ReadUInt32LittleEndian(fields.AsSpan(21)));
        Assert.Equal(3UL, BinaryPrimitives.ReadUInt64LittleEndian(fields.AsSpan(49)));
        Assert.Equal(1_000_000_000UL, BinaryPrimitives.ReadUInt64LittleEndian(fields.AsSpan(89)));
    }

    [Fact]
    public void A_large_folder_is_listed_in_parts()
    {
        var names = Enumerable.Range(0, 500).Select(i => $"file-{i}-{new string('x', i % 200)}").ToHashSet();
        Directory.CreateDirectory(Path.Combine(_folder, "many"));
        foreach (var name in names)
        {
            File.WriteAllText(Path.Combine(_folder, "many", name), "");
        }

        using var client = new Scope(_folder, messageBytes: 8192);
        Assert.True(client.It.Walk(1, "many"));
        client.It.Do(12, ShareClient.Fields().U32(1).U32(0));
        var listed = new List<string>();
        var offset = 0UL;
        for (var left = 100; left > 0; left--)
        {
            var fields = client.It.Do(40, ShareClient.Fields().U32(1).U64(offset).U32(8000));
            if (fields.Length == 4)
            {
                break;
            }

            for (var at = 4; at < fields.Length;)
            {
                offset = BinaryPrimitives.ReadUInt64LittleEndian(fields.AsSpan(at + 13));
                var length = BinaryPrimitives.ReadUInt16LittleEndian(fields.AsSpan(at + 22));
                listed.Add(Encoding.UTF8.GetString(fields.AsSpan(at + 24, length)));
                at += 24 + length;
            }
        }

        Assert.Equal(names.Append(".").Append("..").Order(), listed.Order());
    }

    [Fact]
    public void A_read_only_share_changes_nothing()
    {
        using var client = new Scope(_folder, new VirtioShareOptions { IsReadOnly = true });
        Assert.Equal("top text", client.It.ReadFile(1, "top"));
        Assert.True(client.It.Walk(1, "top"));
        Assert.Equal(ReadOnly, client.It.Refused(12, ShareClient.Fields().U32(1).U32(1)));
        Assert.Equal(ReadOnly, client.It.Refused(12, ShareClient.Fields().U32(1).U32(2)));
        Assert.Equal(ReadOnly, client.It.Refused(12, ShareClient.Fields().U32(1).U32(0x200)));
        Assert.Equal(ReadOnly, client.It.Refused(26, SetAttributes(1, 8, size: 0)));
        Assert.Equal(ReadOnly, client.It.Refused(72, ShareClient.Fields().U32(0).Text("n").U32(0).U32(0)));
        Assert.Equal(ReadOnly, client.It.Refused(76, ShareClient.Fields().U32(0).Text("top").U32(0)));
        Assert.Equal(ReadOnly, client.It.Refused(74, ShareClient.Fields().U32(0).Text("top").U32(0).Text("x")));
        Assert.Equal(ReadOnly, client.It.Refused(70, ShareClient.Fields().U32(0).U32(1).Text("x")));
        Assert.Equal(ReadOnly, client.It.Refused(16, ShareClient.Fields().U32(0).Text("x").Text("y").U32(0)));
        Assert.True(client.It.Walk(2));
        Assert.Equal(ReadOnly, client.It.Refused(14, ShareClient.Fields().U32(2).Text("x").U32(0x42).U32(0x1A4).U32(0)));
        Assert.Equal("top text", File.ReadAllText(Path.Combine(_folder, "top")));
    }

    [Fact]
    public void What_a_share_does_not_have_is_refused()
    {
        using var client = new Scope(_folder, new VirtioShareOptions { MaximumFids = 16 });
        Assert.Equal(NotPermitted, client.It.Refused(18, ShareClient.Fields().U32(0).Text("node").U32(0x2000).U32(1).U32(3).U32(0)));
        Assert.Equal(NotSupported, client.It.Refused(30, ShareClient.Fields().U32(0).U32(1).Text("user.x")));
        Assert.Equal(NotSupported, client.It.Refused(32, ShareClient.Fields().U32(0).Text("user.x").U64(1).U32(0)));
        Assert.Equal(NotSupported, client.It.Refused(99, ShareClient.Fields()));
        for (var fid = 1u; fid < 16; fid++)
        {
            Assert.True(client.It.Walk(fid));
        }

        Assert.Equal(TooManyFiles, client.It.Refused(110, ShareClient.Fields().U32(0).U32(16).U16(0)));
        client.It.Do(120, ShareClient.Fields().U32(3));
        Assert.True(client.It.Walk(16));
    }

    [Fact]
    public void A_flush_is_answered_and_flushes_of_each_other_do_not_wait()
    {
        using var client = new Scope(_folder);
        client.It.Submit(116, ShareClient.Fields().U32(0).U64(0).U32(1), tag: 5);
        client.It.Submit(108, ShareClient.Fields().U16(5), tag: 6);
        client.It.Submit(108, ShareClient.Fields().U16(8), tag: 7);
        client.It.Submit(108, ShareClient.Fields().U16(7), tag: 8);
        var count = 0;
        client.It.Events.RunUntil(() => (count += client.It.TakeUsed().Count()) == 4);
    }

    [Fact]
    public void Open_files_survive_a_save_and_restore()
    {
        using var client = new Scope(_folder);
        Assert.True(client.It.Walk(1, "a", "b", "inner"));
        client.It.Do(12, ShareClient.Fields().U32(1).U32(2));
        Assert.True(client.It.Walk(2, "a"));
        Assert.True(client.It.Walk(3, "top"));
        client.It.Do(76, ShareClient.Fields().U32(0).Text("top").U32(0));
        client.It.Share.Stop();
        var device = Save(client.It.Share);
        var registers = Save(client.It.Driver.Registers);

        using var other = new Scope(new ShareClient(_folder, memory: client.It.Memory) { Queue = client.It.Queue });
        other.It.Share.Stop();
        other.It.Share.Restore(new StateReader("virtio-9p0", 1, device));
        other.It.Driver.Registers.Restore(new StateReader(other.It.Driver.Registers.StateName, 1, registers));
        other.It.Share.Start();
        Assert.Equal("inner text", Encoding.UTF8.GetString(other.It.Do(116, ShareClient.Fields().U32(1).U64(0).U32(100)).AsSpan(4)));
        other.It.Do(118, ShareClient.Fields().U32(1).U64(0).U32(5).Raw("OUTER"u8.ToArray()));
        Assert.Equal("OUTER text", File.ReadAllText(Path.Combine(_folder, "a", "b", "inner")));
        other.It.Do(24, ShareClient.Fields().U32(2).U64(0));
        Assert.Equal(Stale, other.It.Refused(24, ShareClient.Fields().U32(3).U64(0)));
        other.It.Do(120, ShareClient.Fields().U32(3));
    }

    [Property(MaxTest = 300)]
    public void Any_message_is_answered_and_changes_nothing_outside(byte kind, ushort tag, byte[] fields, bool saysItsSize, uint size, ushort room)
    {
        using var client = new Scope(_folder);
        var message = ShareClient.Fields().Raw(fields);
        var before = client.It.Share.Status;
        client.It.Submit(kind, message, tag, answerBytes: Math.Max(1, (int)room), sizeBytes: saysItsSize ? null : (int)size);
        if (room < 11)
        {
            Assert.NotEqual(VirtioStatus.None, client.It.Share.Status & VirtioStatus.DeviceNeedsReset);
            return;
        }

        byte[] answer = [];
        client.It.Events.RunUntil(() => client.It.TakeUsed().Select(each => answer = each.Answer).Count() == 1);
        Assert.Equal(answer.Length, BinaryPrimitives.ReadInt32LittleEndian(answer));
        Assert.True(answer[4] == 7 || answer[4] == kind + 1);
        Assert.Equal(tag, BinaryPrimitives.ReadUInt16LittleEndian(answer.AsSpan(5)));
        Assert.Equal(before, client.It.Share.Status);
        Assert.Equal("secret", File.ReadAllText(Path.Combine(_outside, "secret")));
    }

    [Property(MaxTest = 150)]
    public void Well_formed_messages_with_any_values_stay_inside(byte[] kinds, uint[] numbers, string[] names)
    {
        using var client = new Scope(_folder);
        string[] pool = ["..", "a", "b", "top", "l", "../secret", "", .. names.Where(name => name is not null)];
        var next = 0;
        uint Number() => numbers.Length == 0 ? 0 : numbers[next++ % numbers.Length] % 4;
        string Name() => pool[(numbers.Length == 0 ? next++ : (int)(numbers[next++ % numbers.Length] % int.MaxValue)) % pool.Length];
        foreach (var each in kinds)
        {
            byte[] all = [12, 14, 16, 20, 22, 24, 26, 40, 50, 70, 72, 74, 76, 110, 110, 116, 118, 120];
            var kind = all[each % all.Length];
            var message = kind switch
            {
                12 => ShareClient.Fields().U32(Number()).U32(Number()),
                14 => ShareClient.Fields().U32(Number()).Text(Name()).U32(0x40 | Number()).U32(0x1FF).U32(0),
                16 => ShareClient.Fields().U32(Number()).Text(Name()).Text(_outside).U32(0),
                26 => SetAttributes(Number(), Number(), size: Number()),
                40 or 116 => ShareClient.Fields().U32(Number()).U64(Number()).U32(500),
                70 => ShareClient.Fields().U32(Number()).U32(Number()).Text(Name()),
                72 => ShareClient.Fields().U32(Number()).Text(Name()).U32(0x1FF).U32(0),
                74 => ShareClient.Fields().U32(Number()).Text(Name()).U32(Number()).Text(Name()),
                76 => ShareClient.Fields().U32(Number()).Text(Name()).U32(Number() % 2 * 0x200),
                110 => ShareClient.Fields().U32(Number()).U32(Number()).U16(2).Text(Name()).Text(Name()),
                118 => ShareClient.Fields().U32(Number()).U64(Number()).U32(3).Raw("xyz"u8.ToArray()),
                _ => ShareClient.Fields().U32(Number()).U64(0),
            };
            var (answered, _) = client.It.Send(kind, message);
            Assert.True(answered == 7 || answered == kind + 1);
        }

        Assert.Equal("secret", File.ReadAllText(Path.Combine(_outside, "secret")));
        Assert.Equal(["secret", "shared"], Directory.EnumerateFileSystemEntries(_outside).Select(Path.GetFileName).Order());
    }

    [Property(MaxTest = 200)]
    public void Altered_states_are_refused_or_work(FsCheck.DoNotSize<ushort>[] positions, byte value)
    {
        using var client = new Scope(_folder);
        client.It.Walk(1, "a", "b", "inner");
        client.It.Share.Stop();
        var state = Save(client.It.Share);
        foreach (var position in positions)
        {
            state[position.Item % state.Length] = value;
        }

        using var other = new Scope(new ShareClient(_folder, memory: client.It.Memory) { Queue = client.It.Queue });
        other.It.Share.Stop();
        try
        {
            other.It.Share.Restore(new StateReader("virtio-9p0", 1, state));
        }
        catch (StateFormatException)
        {
            return;
        }

        other.It.Share.Start();
        Assert.Equal("secret", File.ReadAllText(Path.Combine(_outside, "secret")));
    }

    [Fact]
    public void Impossible_options_are_refused()
    {
        Assert.Throws<DirectoryNotFoundException>(() => new ShareClient(Path.Combine(_outside, "none")));
        Assert.Throws<DirectoryNotFoundException>(() => new ShareClient(Path.Combine(_outside, "secret")));
        Assert.Throws<ArgumentException>(() => new ShareClient(_folder, new VirtioShareOptions { Tag = "" }));
        Assert.Throws<ArgumentException>(() => new ShareClient(_folder, new VirtioShareOptions { MaximumFids = 1 }));
    }

    private static ShareClient.Message SetAttributes(uint fid, uint valid, uint mode = 0, ulong size = 0, ulong modified = 5) =>
        ShareClient.Fields().U32(fid).U32(valid).U32(mode).U32(0).U32(0).U64(size).U64(7).U64(0).U64(modified).U64(0);

    private static UnixFileMode ModeOf(string path) =>
        OperatingSystem.IsWindows() ? throw new PlatformNotSupportedException() : File.GetUnixFileMode(path);

    private static byte[] Save(IStateUnit unit)
    {
        var writer = new StateWriter();
        unit.Save(writer);
        return writer.WrittenMemory.ToArray();
    }

    private sealed class Scope(ShareClient client) : IDisposable
    {
        public Scope(string folder, VirtioShareOptions? options = null, uint messageBytes = 65536)
            : this(new ShareClient(folder, options).Begin(messageBytes))
        {
        }

        public ShareClient It => client;

        public void Dispose()
        {
            client.Share.Stop();
            client.Share.Dispose();
        }
    }
}
