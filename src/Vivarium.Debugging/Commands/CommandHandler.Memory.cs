namespace Vivarium.Debugging;

/// <content>Memory, through the page tables of the chosen processor or physical (<see cref="_isPhysical"/>).</content>
internal sealed partial class CommandHandler
{
    /// <summary>A reply with two digits a byte is a packet of the largest size.</summary>
    private const int MaxReadBytes = PacketReader.MaxPacketBytes / 2;

    /// <summary>Set by QEMU's packet of this purpose.</summary>
    private bool _isPhysical;

    private CommandReply ReadMemory(PacketText text)
    {
        if (!text.TryTakeNumber(out var address) || !text.TryTake(',') || !text.TryTakeNumber(out var length) || !text.IsEmpty)
        {
            return CommandReply.Invalid;
        }

        var bytes = new byte[Math.Min(length, MaxReadBytes)];
        var read = _isPhysical ? ReadPhysical(address, bytes) : Processor.Probe.Read(address, bytes);
        return read > 0 || length == 0 ? new CommandReply(HexText.Encode(bytes.AsSpan(0, read))) : CommandReply.NoMemory;
    }

    private CommandReply WriteMemory(PacketText text)
    {
        if (!text.TryTakeNumber(out var address) || !text.TryTake(',') || !text.TryTakeNumber(out var length) || !text.TryTake(':')
            || length > (ulong)text.Rest.Length)
        {
            return CommandReply.Invalid;
        }

        var bytes = new byte[length];
        return HexText.TryDecode(text.Rest, bytes) ? Write(address, bytes) : CommandReply.Invalid;
    }

    private CommandReply WriteBinaryMemory(PacketText text) =>
        text.TryTakeNumber(out var address) && text.TryTake(',') && text.TryTakeNumber(out var length) && text.TryTake(':') && length == (ulong)text.Rest.Length
            ? Write(address, text.Rest)
            : CommandReply.Invalid;

    private CommandReply Write(ulong address, ReadOnlySpan<byte> bytes)
    {
        var done = _isPhysical ? Processor.Core.Memory.TryWrite(address, bytes) : Processor.Probe.TryWrite(address, bytes);
        return done ? CommandReply.Ok : CommandReply.NoMemory;
    }

    /// <summary>Reads as much as there is from the start on.</summary>
    private int ReadPhysical(ulong gpa, Span<byte> destination)
    {
        var done = 0;
        while (done < destination.Length)
        {
            var length = Math.Min(destination.Length - done, 4096 - (int)(gpa & 0xFFF));
            if (!Processor.Core.Memory.TryRead(gpa, destination.Slice(done, length)))
            {
                break;
            }

            done += length;
            gpa += (ulong)length;
        }

        return done;
    }
}
