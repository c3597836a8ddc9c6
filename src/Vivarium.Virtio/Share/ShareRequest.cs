using System.Buffers;
using System.Buffers.Binary;

namespace Vivarium.Virtio;

/// <summary>One message of the guest and the room for its answer. Worked on by one thread, without the device lock.</summary>
internal sealed class ShareRequest
{
    /// <summary>Room for any answer but a folder's entries: a symbolic link's target is the longest.</summary>
    private const int AnswerBytes = 8192;
    private const int ContentHeaderBytes = MessageWriter.HeaderBytes + 4;
    private const int WriteHeaderBytes = MessageWriter.HeaderBytes + 4 + 8 + 4;

    private readonly List<Memory<byte>> _readParts = [];
    private readonly List<ReadOnlyMemory<byte>> _writeParts = [];
    private ShareNode? _node;

    /// <summary>Where the message is and the answer goes.</summary>
    public DescriptorChain Chain { get; private set; } = null!;

    public MessageKind Kind { get; private set; }

    public ushort Tag { get; private set; }

    /// <summary>What the message says that it is long.</summary>
    public uint SizeBytes { get; private set; }

    /// <summary>How long the answer is.</summary>
    public int AnsweredBytes { get; private set; }

    /// <summary>Requests that ask for this one to be given up: they are answered behind it.</summary>
    public List<ShareRequest> Flushers { get; } = [];

    /// <summary>Reads the header; false if there is no room for it or for an answer.</summary>
    public bool TryBegin(DescriptorChain chain)
    {
        Chain = chain;
        AnsweredBytes = 0;
        Flushers.Clear();
        Span<byte> header = stackalloc byte[MessageWriter.HeaderBytes];
        if (!chain.TryRead(0, header) || chain.WritableBytes < ContentHeaderBytes)
        {
            return false;
        }

        SizeBytes = BinaryPrimitives.ReadUInt32LittleEndian(header);
        Kind = (MessageKind)header[4];
        Tag = BinaryPrimitives.ReadUInt16LittleEndian(header[5..]);
        return true;
    }

    /// <summary>An answer that a saved state brings.</summary>
    public void RestoreAnswered(DescriptorChain chain, int answeredBytes)
    {
        Chain = chain;
        AnsweredBytes = answeredBytes;
    }

    /// <summary>The tag that a flush names.</summary>
    public ushort FlushedTag()
    {
        Span<byte> tag = stackalloc byte[2];
        return Chain.TryRead(MessageWriter.HeaderBytes, tag) ? BinaryPrimitives.ReadUInt16LittleEndian(tag) : Tag;
    }

    /// <summary>Works on the message, and writes the answer.</summary>
    public void Answer(ShareServer server)
    {
        if (SizeBytes < MessageWriter.HeaderBytes || SizeBytes > Chain.ReadableBytes || SizeBytes > server.MessageBytes)
        {
            WriteError(Errno.Invalid);
            return;
        }

        try
        {
            switch (Kind)
            {
                case MessageKind.Read:
                    Read(server);
                    break;
                case MessageKind.Write:
                    Write(server);
                    break;
                case MessageKind.Flush:
                    Finish([], 0);
                    break;
                default:
                    AnswerSmall(server);
                    break;
            }
        }
        catch (Exception exception)
        {
            // Whatever it is ends this request alone. Where the host failed, the runtime puts its error number here.
            var error = (exception.InnerException as IOException ?? exception).HResult;
            WriteError(error is > 0 and < 4096 ? error : Errno.InputOutput);
        }
    }

    private void AnswerSmall(ShareServer server)
    {
        var message = ArrayPool<byte>.Shared.Rent((int)SizeBytes);
        var limit = Kind == MessageKind.ReadFolder ? (int)Math.Clamp(Chain.WritableBytes, 1024, server.MessageBytes) : AnswerBytes;
        var buffer = ArrayPool<byte>.Shared.Rent(limit);
        try
        {
            var fields = message.AsSpan(MessageWriter.HeaderBytes, (int)SizeBytes - MessageWriter.HeaderBytes);
            Chain.TryRead(MessageWriter.HeaderBytes, fields);
            var answer = new MessageWriter(buffer.AsSpan(0, limit));
            var error = server.Answer(Kind, new MessageReader(fields), ref answer);
            if (error == Errno.None && answer.Length > Chain.WritableBytes)
            {
                error = Errno.MessageTooLong;
            }

            if (error != Errno.None)
            {
                WriteError(error);
                return;
            }

            Finish(buffer.AsSpan(MessageWriter.HeaderBytes, answer.Length - MessageWriter.HeaderBytes), 0);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(message);
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>The host writes into the guest's memory itself.</summary>
    private void Read(ShareServer server)
    {
        Span<byte> raw = stackalloc byte[16];
        var (fid, offset, count) = ReadFields(raw);
        var error = offset > long.MaxValue ? Errno.Invalid : server.AcquireOpen(fid, forWriting: false, out _node);
        if (error != Errno.None)
        {
            WriteError(error);
            return;
        }

        var room = (int)Math.Min(Math.Min(count, Chain.WritableBytes - ContentHeaderBytes), server.MessageBytes - ContentHeaderBytes);
        try
        {
            _readParts.Clear();
            Chain.TryLeaseWritable(ContentHeaderBytes, room, _readParts);
            long length;
            try
            {
                length = room == 0 ? 0 : RandomAccess.Read(_node!.File!, _readParts, (long)offset);
            }
            finally
            {
                // A failed read may have written some of it.
                Chain.EndWrite(ContentHeaderBytes, room);
            }

            BinaryPrimitives.WriteUInt32LittleEndian(raw, (uint)length);
            Finish(raw[..4], (int)length);
        }
        finally
        {
            Release();
        }
    }

    private void Write(ShareServer server)
    {
        Span<byte> raw = stackalloc byte[16];
        var (fid, offset, count) = ReadFields(raw);
        var error = SizeBytes < WriteHeaderBytes || count > SizeBytes - WriteHeaderBytes || offset > (ulong)(long.MaxValue - count)
            ? Errno.Invalid
            : server.AcquireOpen(fid, forWriting: true, out _node);
        if (error != Errno.None)
        {
            WriteError(error);
            return;
        }

        try
        {
            _writeParts.Clear();
            Chain.TryLeaseReadable(WriteHeaderBytes, (int)count, _writeParts);
            RandomAccess.Write(_node!.File!, _writeParts, (long)offset);
            BinaryPrimitives.WriteUInt32LittleEndian(raw, count);
            Finish(raw[..4], 0);
        }
        finally
        {
            Release();
        }
    }

    private void Release()
    {
        _readParts.Clear();
        _writeParts.Clear();
        _node!.Release();
        _node = null;
    }

    /// <summary>The fields that reads and writes share; those that are missing are zero.</summary>
    private (uint Fid, ulong Offset, uint Count) ReadFields(Span<byte> raw)
    {
        raw.Clear();
        if (SizeBytes >= (uint)(MessageWriter.HeaderBytes + raw.Length))
        {
            Chain.TryRead(MessageWriter.HeaderBytes, raw);
        }

        return (BinaryPrimitives.ReadUInt32LittleEndian(raw), BinaryPrimitives.ReadUInt64LittleEndian(raw[4..]), BinaryPrimitives.ReadUInt32LittleEndian(raw[12..]));
    }

    private void WriteError(int error)
    {
        Span<byte> number = stackalloc byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(number, error);
        Write(MessageKind.Error, number, 0);
    }

    private void Finish(ReadOnlySpan<byte> fields, int contentBytes) => Write(Kind, fields, contentBytes);

    private void Write(MessageKind kind, ReadOnlySpan<byte> fields, int contentBytes)
    {
        Span<byte> header = stackalloc byte[MessageWriter.HeaderBytes];
        AnsweredBytes = header.Length + fields.Length + contentBytes;
        new MessageWriter(header).Finish((byte)(kind + 1), Tag, AnsweredBytes);
        Chain.TryWrite(0, header);
        Chain.TryWrite(header.Length, fields);
    }
}
