using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;

namespace Vivarium.Virtio;

/// <content>Opening, attributes, reading folders.</content>
internal sealed partial class ShareServer
{
    private const ulong BasicAttributes = 0x7FF;
    private const ulong BirthTime = 0x800;
    private const int EntryHeaderBytes = 19;
    private const int EntryFixedBytes = MessageWriter.QidBytes + 8 + 1 + 2;
    private const uint ProtocolMagic = 0x0102_1997;

    private int Open(MessageReader message, ref MessageWriter answer)
    {
        var fid = message.UInt32();
        var flags = message.UInt32();
        if (!message.IsValid)
        {
            return Errno.Invalid;
        }

        var error = WithNode(fid, out var node);
        using var held = new Held(node);
        var host = HostFlags(flags) & ~ShareNative.Exclusive;
        if (error != Errno.None || node!.OpenFlags is not null)
        {
            return error != Errno.None ? error : Errno.Invalid;
        }

        if (options.IsReadOnly && ((host & ShareNative.AccessMask) != ShareNative.ReadOnly || (host & ShareNative.Truncate) != 0))
        {
            return Errno.ReadOnly;
        }

        error = HostFolder.Open(node.File!, host, out var file);
        return AnswerOpened(error, file, fid, node, host, ref answer);
    }

    private int Create(MessageReader message, ref MessageWriter answer)
    {
        var fid = message.UInt32();
        var name = message.Text();
        var flags = message.UInt32();
        var mode = message.UInt32();
        var groupId = message.UInt32();
        var error = Prepare(message, fid, name, out var node, out var text);
        using var held = new Held(node);
        if (error != Errno.None)
        {
            return error;
        }

        var host = HostFlags(flags);
        error = folder.Create(node!.File!, text, host, mode, node.UserId, groupId, out var file);
        return AnswerOpened(error, file, fid, node, host, ref answer);
    }

    /// <summary>The fid stands for what was opened from now on; if it was not, all is as before. What opens it once only is not for the next time.</summary>
    private int AnswerOpened(int error, SafeFileHandle file, uint fid, ShareNode node, int hostFlags, ref MessageWriter answer)
    {
        HostFileStatus status = default;
        if (error == Errno.None)
        {
            error = HostFolder.GetStatus(file, out status);
        }

        if (error != Errno.None)
        {
            file.Dispose();
            return error;
        }

        answer.Qid(QidOf(status));
        answer.UInt32(0);
        return Fids.Replace(fid, node, new ShareNode(file, status.Kind, node.UserId) { OpenFlags = hostFlags & ~(ShareNative.Truncate | ShareNative.Exclusive) });
    }

    /// <summary>Of what the guest asks for the host sees access, truncation and synchronous writing. Appending is the guest's: it names each place.</summary>
    private static int HostFlags(uint flags)
    {
        var host = (int)flags & (ShareNative.AccessMask | ShareNative.Truncate | ShareNative.Exclusive | ShareNative.FullSync);
        return (host & ShareNative.AccessMask) == ShareNative.AccessMask ? host & ~ShareNative.AccessMask : host;
    }

    private int GetAttributes(MessageReader message, ref MessageWriter answer)
    {
        var fid = message.UInt32();
        message.UInt64();
        var error = message.IsValid ? WithNode(fid, out var node) : Invalid(out node);
        using var held = new Held(node);
        HostFileStatus status = default;
        if (error != Errno.None || (error = HostFolder.GetStatus(node!.File!, out status)) != Errno.None)
        {
            return error;
        }

        answer.UInt64(BasicAttributes | BirthTime);
        answer.Qid(QidOf(status));
        answer.UInt32(status.Mode);
        answer.UInt32(folder.ShownUser(status.UserId));
        answer.UInt32(folder.ShownGroup(status.GroupId));
        answer.UInt64(status.LinkCount);
        answer.UInt64(status.DeviceNumber);
        answer.UInt64(status.SizeBytes);
        answer.UInt64(status.BlockBytes);
        answer.UInt64(status.Blocks);
        foreach (var time in (ReadOnlySpan<HostTime>)[status.Accessed, status.Modified, status.Changed, status.Born])
        {
            answer.UInt64((ulong)time.Seconds);
            answer.UInt64((ulong)time.Nanoseconds);
        }

        answer.UInt64(0);
        answer.UInt64(0);
        return Errno.None;
    }

    private int SetAttributes(MessageReader message)
    {
        const long Now = (1 << 30) - 1;
        const long Omit = (1 << 30) - 2;
        var fid = message.UInt32();
        var valid = (Attributes)message.UInt32();
        var mode = message.UInt32();
        var userId = message.UInt32();
        var groupId = message.UInt32();
        var size = message.UInt64();
        var accessed = new HostTime((long)message.UInt64(), (long)message.UInt64());
        var modified = new HostTime((long)message.UInt64(), (long)message.UInt64());
        if (!message.IsValid || (valid.HasFlag(Attributes.Size) && size > long.MaxValue))
        {
            return Errno.Invalid;
        }

        if (options.IsReadOnly)
        {
            return Errno.ReadOnly;
        }

        var error = WithNode(fid, out var node);
        using var held = new Held(node);
        if (error == Errno.None && valid.HasFlag(Attributes.Mode))
        {
            error = node!.Kind == FileKind.Symlink ? Errno.NotSupported : HostFolder.SetMode(node.File!, mode);
        }

        if (error == Errno.None && (valid & (Attributes.User | Attributes.Group)) != 0)
        {
            error = folder.SetOwner(
                node!.File!,
                valid.HasFlag(Attributes.User) ? userId : uint.MaxValue,
                valid.HasFlag(Attributes.Group) ? groupId : uint.MaxValue);
        }

        if (error == Errno.None && valid.HasFlag(Attributes.Size))
        {
            error = HostFolder.SetSize(node!.File!, (long)size);
        }

        if (error == Errno.None && (valid & (Attributes.Accessed | Attributes.Modified)) != 0)
        {
            accessed = !valid.HasFlag(Attributes.Accessed) ? new HostTime(0, Omit) : valid.HasFlag(Attributes.AccessedSet) ? accessed : new HostTime(0, Now);
            modified = !valid.HasFlag(Attributes.Modified) ? new HostTime(0, Omit) : valid.HasFlag(Attributes.ModifiedSet) ? modified : new HostTime(0, Now);
            error = HostFolder.SetTimes(node!.File!, accessed, modified);
        }

        return error;
    }

    private int ReadFolder(MessageReader message, ref MessageWriter answer)
    {
        var fid = message.UInt32();
        var offset = message.UInt64();
        var count = message.UInt32();
        var error = message.IsValid && offset <= long.MaxValue ? WithNode(fid, out var node) : Invalid(out node);
        using var held = new Held(node);
        if (error != Errno.None || node!.Kind != FileKind.Folder || node.OpenFlags is null)
        {
            return error != Errno.None ? error : node!.Kind != FileKind.Folder ? Errno.NotFolder : Errno.BadFile;
        }

        var counted = answer.Take(4);
        var room = (int)Math.Min(count, (uint)answer.Left);
        var start = answer.Length;

        // An entry here is longer than the host's but for its padding, and the host gives at least one if it fits.
        var entries = System.Buffers.ArrayPool<byte>.Shared.Rent(Math.Clamp(room, 512, 64 << 10));
        try
        {
            lock (node)
            {
                error = HostFolder.ReadEntries(node.File!, offset, entries, out var length);
                WriteEntries(entries.AsSpan(0, Math.Max(0, length)), room, ref answer);
            }
        }
        finally
        {
            System.Buffers.ArrayPool<byte>.Shared.Return(entries);
        }

        BinaryPrimitives.WriteInt32LittleEndian(counted, answer.Length - start);
        return error;
    }

    private void WriteEntries(ReadOnlySpan<byte> entries, int room, ref MessageWriter answer)
    {
        var end = answer.Length + room;
        while (entries.Length > EntryHeaderBytes)
        {
            // struct linux_dirent64: inode, offset of the next, length, type, name.
            var length = BinaryPrimitives.ReadUInt16LittleEndian(entries[16..]);
            var name = entries[EntryHeaderBytes..length];
            name = name[..name.IndexOf((byte)0)];
            if (answer.Length + EntryFixedBytes + name.Length > end)
            {
                return;
            }

            var type = entries[18];
            answer.Qid(new Qid(Qid.KindOf((FileKind)(type << 12)), 0, BinaryPrimitives.ReadUInt64LittleEndian(entries)));
            answer.UInt64(BinaryPrimitives.ReadUInt64LittleEndian(entries[8..]));
            answer.Byte(type);
            answer.Text(name);
            entries = entries[length..];
        }
    }

    private int StatFileSystem(MessageReader message, ref MessageWriter answer)
    {
        var fid = message.UInt32();
        var error = message.IsValid ? WithNode(fid, out var node) : Invalid(out node);
        using var held = new Held(node);
        Span<long> words = stackalloc long[15];
        if (error != Errno.None || (error = HostFolder.StatFileSystem(node!.File!, words)) != Errno.None)
        {
            return error;
        }

        answer.UInt32(ProtocolMagic);
        answer.UInt32((uint)words[1]);
        foreach (var word in words[2..8])
        {
            answer.UInt64((ulong)word);
        }

        answer.UInt32(MaximumNameBytes);
        return Errno.None;
    }

    private int Sync(MessageReader message)
    {
        var fid = message.UInt32();
        var onlyData = message.UInt32() != 0;
        var error = message.IsValid ? WithNode(fid, out var node) : Invalid(out node);
        using var held = new Held(node);
        return error != Errno.None ? error : node!.OpenFlags is null ? Errno.BadFile : HostFolder.Sync(node.File!, onlyData);
    }

    /// <summary>The guest's kernel keeps its locks itself before it asks; the host's programs are not locked out.</summary>
    private int Lock(MessageReader message, ref MessageWriter answer)
    {
        const byte Success = 0;
        var fid = message.UInt32();
        var error = message.IsValid ? WithNode(fid, out var node) : Invalid(out node);
        using var held = new Held(node);
        answer.Byte(Success);
        return error;
    }

    private int GetLock(MessageReader message, ref MessageWriter answer)
    {
        const byte Unlocked = 2;
        var fid = message.UInt32();
        message.Byte();
        var start = message.UInt64();
        var length = message.UInt64();
        var process = message.UInt32();
        var client = message.Text();
        var error = message.IsValid && client.Length <= MaximumNameBytes ? WithNode(fid, out var node) : Invalid(out node);
        using var held = new Held(node);
        answer.Byte(Unlocked);
        answer.UInt64(start);
        answer.UInt64(length);
        answer.UInt32(process);
        answer.Text(error == Errno.None ? client : default);
        return error;
    }

    private static int Invalid(out ShareNode? node)
    {
        node = null;
        return Errno.Invalid;
    }

    /// <summary>Which attributes a guest sets.</summary>
    [Flags]
    private enum Attributes : uint
    {
        Mode = 1,
        User = 2,
        Group = 4,
        Size = 8,
        Accessed = 0x10,
        Modified = 0x20,
        AccessedSet = 0x80,
        ModifiedSet = 0x100,
    }
}
