namespace Vivarium.Virtio;

/// <content>What makes, moves and removes names.</content>
internal sealed partial class ShareServer
{
    private int MakeFolder(MessageReader message, ref MessageWriter answer)
    {
        var fid = message.UInt32();
        var name = message.Text();
        var mode = message.UInt32();
        var groupId = message.UInt32();
        var error = Prepare(message, fid, name, out var node, out var text);
        using var held = new Held(node);
        error = error != Errno.None ? error : folder.MakeFolder(node!.File!, text, mode, node.UserId, groupId);
        return error != Errno.None ? error : AnswerQid(node!, text, ref answer);
    }

    private int MakeSymlink(MessageReader message, ref MessageWriter answer)
    {
        var fid = message.UInt32();
        var name = message.Text();
        var target = message.Text();
        var groupId = message.UInt32();
        var error = Prepare(message, fid, name, out var node, out var text);
        using var held = new Held(node);
        if (error == Errno.None && (target.IsEmpty || target.Length > MaximumTargetBytes || target.Contains((byte)0)))
        {
            error = target.Length > MaximumTargetBytes ? Errno.NameTooLong : Errno.Invalid;
        }

        // The target is the guest's: it is never followed here.
        error = error != Errno.None ? error : folder.MakeSymlink(node!.File!, text, HostFolder.CString(target), node.UserId, groupId);
        return error != Errno.None ? error : AnswerQid(node!, text, ref answer);
    }

    private int ReadLink(MessageReader message, ref MessageWriter answer)
    {
        var fid = message.UInt32();
        var error = message.IsValid ? WithNode(fid, out var node) : Invalid(out node);
        using var held = new Held(node);
        if (error != Errno.None || node!.Kind != FileKind.Symlink)
        {
            return error != Errno.None ? error : Errno.Invalid;
        }

        Span<byte> target = stackalloc byte[MaximumTargetBytes];
        error = HostFolder.ReadLink(node.File!, target, out var length);
        if (error == Errno.None && length + 2 > answer.Left)
        {
            error = Errno.Range;
        }

        if (error == Errno.None)
        {
            answer.Text(target[..length]);
        }

        return error;
    }

    private int Link(MessageReader message)
    {
        var folderFid = message.UInt32();
        var fid = message.UInt32();
        var name = message.Text();
        var error = Prepare(message, folderFid, name, out var target, out var text);
        using var heldTarget = new Held(target);
        if (error != Errno.None)
        {
            return error;
        }

        error = WithNode(fid, out var node);
        using var held = new Held(node);
        return error != Errno.None ? error : HostFolder.Link(node!.File!, target!.File!, text);
    }

    private int RenameAt(MessageReader message)
    {
        var oldFid = message.UInt32();
        var oldName = message.Text();
        var newFid = message.UInt32();
        var newName = message.Text();
        var error = Prepare(message, oldFid, oldName, out var from, out var oldText);
        using var heldFrom = new Held(from);
        if (error != Errno.None)
        {
            return error;
        }

        error = Prepare(message, newFid, newName, out var to, out var newText);
        using var heldTo = new Held(to);
        return error != Errno.None ? error : HostFolder.Rename(from!.File!, oldText, to!.File!, newText);
    }

    private int UnlinkAt(MessageReader message)
    {
        var fid = message.UInt32();
        var name = message.Text();
        var flags = message.UInt32();
        var error = Prepare(message, fid, name, out var node, out var text);
        using var held = new Held(node);
        return error != Errno.None ? error
            : (flags & ~(uint)ShareNative.RemoveFolder) != 0 ? Errno.Invalid
            : HostFolder.Unlink(node!.File!, text, flags != 0);
    }

    /// <summary>Checks a message that changes a name in a folder; the folder's node is held if it goes well.</summary>
    private int Prepare(MessageReader message, uint fid, ReadOnlySpan<byte> name, out ShareNode? node, out byte[] text)
    {
        node = null;
        text = [];
        var error = !message.IsValid ? Errno.Invalid : options.IsReadOnly ? Errno.ReadOnly : CheckName(name, out text);
        return error != Errno.None ? error : WithNode(fid, out node);
    }

    private int AnswerQid(ShareNode node, byte[] name, ref MessageWriter answer)
    {
        var error = HostFolder.Find(node.File!, name, out var file);
        using (file)
        {
            HostFileStatus status = default;
            error = error != Errno.None ? error : HostFolder.GetStatus(file, out status);
            if (error == Errno.None)
            {
                answer.Qid(QidOf(status));
            }

            return error;
        }
    }
}
