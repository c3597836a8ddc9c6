using System.Buffers.Binary;

namespace Vivarium.Virtio;

/// <content>Save and restore: the session's files by their paths. The machine's last reset or its end closes them.</content>
public sealed partial class VirtioShare : IDisposable
{
    private const int FidHeaderBytes = 20;
    private const int NotOpen = -1;
    private const int Lost = -2;

    /// <inheritdoc/>
    public override void Save(StateWriter writer)
    {
        ArgumentNullException.ThrowIfNull(writer);
        base.Save(writer);
        writer.Write(16, (long)_server.MessageBytes);
        using var fids = new MemoryStream();
        var header = new byte[FidHeaderBytes];
        foreach (var (fid, node) in _server.Fids.List())
        {
            var names = node.File is null ? null : _server.Folder.Locate(node.File);
            BinaryPrimitives.WriteUInt32LittleEndian(header, fid);
            BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(4), node.UserId);
            BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(8), (int)node.Kind);
            BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(12), names is null ? Lost : node.OpenFlags ?? NotOpen);
            BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(16), names?.Sum(name => name.Length) ?? 0);
            fids.Write(header);
            names?.ForEach(name => fids.Write(name));
        }

        writer.Write(17, fids.ToArray());

        // Answers that could not be given back yet, as the driver has taken its memory away.
        using var answers = new MemoryStream();
        foreach (var request in _answered)
        {
            var chain = HeldChain.Save(request.Chain);
            BinaryPrimitives.WriteInt32LittleEndian(header, chain.Length);
            BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(4), request.AnsweredBytes);
            answers.Write(header.AsSpan(0, 8));
            answers.Write(chain);
        }

        writer.Write(18, answers.ToArray());
    }

    /// <inheritdoc/>
    public override void Restore(StateReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        base.Restore(reader);
        _server.RestoreMessageBytes(reader.ReadInt32(16, 1, int.MaxValue));
        for (var rest = reader.ReadBytes(17); !rest.IsEmpty;)
        {
            var pathBytes = rest.Length < FidHeaderBytes ? -1 : BinaryPrimitives.ReadInt32LittleEndian(rest[16..]);
            if (pathBytes < 0 || pathBytes > rest.Length - FidHeaderBytes || !TryRestoreFid(rest, rest.Slice(FidHeaderBytes, pathBytes)))
            {
                throw reader.Invalid(17);
            }

            rest = rest[(FidHeaderBytes + pathBytes)..];
        }

        for (var rest = reader.ReadBytes(18); !rest.IsEmpty;)
        {
            var bytes = rest.Length < 8 ? -1 : BinaryPrimitives.ReadInt32LittleEndian(rest);
            var request = new ShareRequest();
            if (bytes < 0 || bytes > rest.Length - 8 || HeldChain.Restore(Queues[0], rest.Slice(8, bytes)) is not { } chain)
            {
                throw reader.Invalid(18);
            }

            request.RestoreAnswered(chain, BinaryPrimitives.ReadInt32LittleEndian(rest[4..]));
            _active.Add(request);
            _answered.Enqueue(request);
            rest = rest[(8 + bytes)..];
        }
    }

    /// <summary>Closes the host's files. Not while the machine runs.</summary>
    public void Dispose() => _server.Dispose();

    private bool TryRestoreFid(ReadOnlySpan<byte> header, ReadOnlySpan<byte> path)
    {
        var kind = (FileKind)BinaryPrimitives.ReadInt32LittleEndian(header[8..]);
        var flags = BinaryPrimitives.ReadInt32LittleEndian(header[12..]);
        if (flags < Lost || (flags & ~(ShareNative.AccessMask | ShareNative.FullSync)) != 0 && flags >= 0)
        {
            return false;
        }

        if (IsReadOnly && flags >= 0 && (flags & ShareNative.AccessMask) != ShareNative.ReadOnly)
        {
            // It was saved where the share could be written.
            flags = Lost;
        }

        var file = flags == Lost ? null : _server.Find(path, flags == NotOpen ? null : flags, kind);
        var node = new ShareNode(file, kind, BinaryPrimitives.ReadUInt32LittleEndian(header[4..])) { OpenFlags = flags < 0 ? null : flags };
        return _server.Fids.Add(BinaryPrimitives.ReadUInt32LittleEndian(header), node) == Errno.None;
    }
}
