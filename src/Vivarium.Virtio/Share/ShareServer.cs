using Microsoft.Win32.SafeHandles;

namespace Vivarium.Virtio;

/// <summary>
/// Answers 9P2000.L messages about one host folder. Knows neither queues nor threads: any number of messages may be answered at a time, each by
/// one thread. Contents of files are read and written by <see cref="ShareRequest"/>, which has the guest's memory.
/// </summary>
internal sealed partial class ShareServer(HostFolder folder, VirtioShareOptions options) : IDisposable
{
    private const int MinimumMessageBytes = 512;
    private const int MaximumNames = 16;
    private const int MaximumNameBytes = 255;
    private const int MaximumTargetBytes = 4095;
    private const uint NoFid = uint.MaxValue;
    private static ReadOnlySpan<byte> Protocol => "9P2000.L"u8;

    private int _messageBytes = options.MaximumMessageBytes;

    /// <summary>The most bytes of a message either way, as agreed.</summary>
    public int MessageBytes => Volatile.Read(ref _messageBytes);

    public FidTable Fids { get; } = new(options.MaximumFids);

    public HostFolder Folder => folder;

    /// <summary>A new session: all that the guest held is given up.</summary>
    public void Reset()
    {
        Fids.Clear();
        Volatile.Write(ref _messageBytes, options.MaximumMessageBytes);
    }

    /// <summary>Takes a size over from a saved state, as far as the options allow.</summary>
    public void RestoreMessageBytes(int bytes) => Volatile.Write(ref _messageBytes, Math.Min(bytes, options.MaximumMessageBytes));

    /// <summary>What a path of zero-terminated names stands for, opened if flags say how; null if nothing of its kind is there.</summary>
    public SafeFileHandle? Find(ReadOnlySpan<byte> path, int? openFlags, FileKind kind)
    {
        var error = folder.OpenRoot(out var file);
        foreach (var part in path.Split((byte)0))
        {
            if (error == Errno.None && !path[part].IsEmpty)
            {
                error = FindBelow(path[part], ref file);
            }
        }

        if (error == Errno.None && openFlags is { } flags)
        {
            error = HostFolder.Open(file, flags, out var opened);
            file.Dispose();
            file = opened;
        }

        HostFileStatus status = default;
        error = error != Errno.None ? error : HostFolder.GetStatus(file, out status);
        if (error == Errno.None && status.Kind == kind)
        {
            return file;
        }

        file.Dispose();
        return null;
    }

    public void Dispose()
    {
        Fids.Clear();
        folder.Dispose();
    }

    /// <summary>Answers a message other than those that read or write contents, or flush.</summary>
    /// <param name="kind">Which it is.</param>
    /// <param name="message">Its fields.</param>
    /// <param name="answer">For the answer's.</param>
    /// <returns>0, or the error to answer instead.</returns>
    public int Answer(MessageKind kind, MessageReader message, ref MessageWriter answer) => kind switch
    {
        MessageKind.Version => Version(message, ref answer),
        MessageKind.Attach => Attach(message, ref answer),
        MessageKind.Walk => Walk(message, ref answer),
        MessageKind.Clunk => Clunk(message),
        MessageKind.Remove => RefuseRemove(message),
        MessageKind.Open => Open(message, ref answer),
        MessageKind.Create => Create(message, ref answer),
        MessageKind.GetAttributes => GetAttributes(message, ref answer),
        MessageKind.SetAttributes => SetAttributes(message),
        MessageKind.ReadFolder => ReadFolder(message, ref answer),
        MessageKind.MakeFolder => MakeFolder(message, ref answer),
        MessageKind.Symlink => MakeSymlink(message, ref answer),
        MessageKind.ReadLink => ReadLink(message, ref answer),
        MessageKind.Link => Link(message),
        MessageKind.RenameAt => RenameAt(message),
        MessageKind.UnlinkAt => UnlinkAt(message),
        MessageKind.StatFileSystem => StatFileSystem(message, ref answer),
        MessageKind.Sync => Sync(message),
        MessageKind.Lock => Lock(message, ref answer),
        MessageKind.GetLock => GetLock(message, ref answer),
        MessageKind.MakeNode => Errno.NotPermitted,
        _ => Errno.NotSupported,
    };

    /// <summary>The file of a fid that was opened for it, held until <see cref="ShareNode.Release"/>.</summary>
    public int AcquireOpen(uint fid, bool forWriting, out ShareNode? node)
    {
        node = Fids.Acquire(fid);
        var error = node is null ? Errno.BadFile
            : node.File is null ? Errno.Stale
            : node.Kind == FileKind.Folder ? Errno.IsFolder
            : !(forWriting ? node.CanWrite : node.CanRead) ? Errno.BadFile
            : forWriting && options.IsReadOnly ? Errno.ReadOnly
            : Errno.None;
        if (error != Errno.None)
        {
            node?.Release();
            node = null;
        }

        return error;
    }

    private int Version(MessageReader message, ref MessageWriter answer)
    {
        var size = message.UInt32();
        var version = message.Text();
        if (!message.IsValid || size < MinimumMessageBytes)
        {
            return Errno.Invalid;
        }

        Reset();
        Volatile.Write(ref _messageBytes, (int)Math.Min(size, (uint)options.MaximumMessageBytes));
        answer.UInt32((uint)MessageBytes);
        answer.Text(version.SequenceEqual(Protocol) ? Protocol : "unknown"u8);
        return Errno.None;
    }

    private int Attach(MessageReader message, ref MessageWriter answer)
    {
        var fid = message.UInt32();
        var authentication = message.UInt32();
        message.Text();
        var tree = message.Text();
        var userId = message.UInt32();
        if (!message.IsValid || authentication != NoFid)
        {
            return message.IsValid ? Errno.NotSupported : Errno.Invalid;
        }

        var error = folder.OpenRoot(out var file);
        foreach (var part in tree.Split((byte)'/'))
        {
            if (error == Errno.None && !tree[part].IsEmpty)
            {
                error = FindBelow(tree[part], ref file);
            }
        }

        if (error != Errno.None || (error = HostFolder.GetStatus(file, out var status)) != Errno.None)
        {
            file.Dispose();
            return error;
        }

        answer.Qid(QidOf(status));
        return Fids.Add(fid, new ShareNode(file, status.Kind, userId));
    }

    private int Walk(MessageReader message, ref MessageWriter answer)
    {
        var fid = message.UInt32();
        var newFid = message.UInt32();
        var count = message.UInt16();
        if (!message.IsValid || count > MaximumNames)
        {
            return Errno.Invalid;
        }

        return WithNode(fid, out var node) is var error && error != Errno.None ? error : Walk(fid, node!, newFid, count, message, ref answer);
    }

    private int Walk(uint fid, ShareNode node, uint newFid, int count, MessageReader message, ref MessageWriter answer)
    {
        using var held = new Held(node);
        if (node.OpenFlags is not null)
        {
            return Errno.Invalid;
        }

        var error = HostFolder.Duplicate(node.File!, out var file);
        var counted = answer.Take(2);
        var kind = node.Kind;
        var walked = 0;
        for (; walked < count && error == Errno.None; walked++)
        {
            var name = message.Text();
            HostFileStatus status = default;
            error = !message.IsValid ? Errno.Invalid : FindBelow(name, ref file);
            error = error != Errno.None ? error : HostFolder.GetStatus(file, out status);
            if (error != Errno.None)
            {
                break;
            }

            kind = status.Kind;
            answer.Qid(QidOf(status));
        }

        counted[0] = (byte)walked;
        counted[1] = 0;
        if (error != Errno.None || walked < count)
        {
            // A walk that ends on its way says how far it came, and makes no fid.
            file.Dispose();
            return walked == 0 || error == Errno.Invalid ? error : Errno.None;
        }

        var found = new ShareNode(file, kind, node.UserId);
        return newFid == fid ? Fids.Replace(fid, node, found) : Fids.Add(newFid, found);
    }

    private int Clunk(MessageReader message)
    {
        var fid = message.UInt32();
        return message.IsValid ? Fids.Remove(fid) : Errno.Invalid;
    }

    /// <summary>Removal goes by name (unlinkat); the fid is given up all the same.</summary>
    private int RefuseRemove(MessageReader message)
    {
        Clunk(message);
        return Errno.NotSupported;
    }

    /// <summary>Goes one name down; <paramref name="file"/> becomes what is there, or is closed with an error.</summary>
    private static int FindBelow(ReadOnlySpan<byte> name, ref SafeFileHandle file)
    {
        var error = CheckName(name, out var text);
        if (error == Errno.None)
        {
            error = HostFolder.Find(file, text, out var below);
            file.Dispose();
            file = below;
        }

        return error;
    }

    /// <summary>A name is one step down and nothing else.</summary>
    private static int CheckName(ReadOnlySpan<byte> name, out byte[] text)
    {
        text = [];
        if (name.IsEmpty || name.SequenceEqual("."u8) || name.SequenceEqual(".."u8) || name.ContainsAny((byte)'/', (byte)0))
        {
            return name.SequenceEqual(".."u8) ? Errno.Access : Errno.Invalid;
        }

        if (name.Length > MaximumNameBytes)
        {
            return Errno.NameTooLong;
        }

        text = HostFolder.CString(name);
        return Errno.None;
    }

    private Qid QidOf(in HostFileStatus status) => Qid.From(status, folder.Device);

    /// <summary>The node of a fid, to be held; an error if there is none, or its file is gone.</summary>
    private int WithNode(uint fid, out ShareNode? node)
    {
        node = Fids.Acquire(fid);
        if (node is { File: null })
        {
            node.Release();
            node = null;
            return Errno.Stale;
        }

        return node is null ? Errno.BadFile : Errno.None;
    }

    private readonly ref struct Held(ShareNode? node)
    {
        public void Dispose() => node?.Release();
    }
}
