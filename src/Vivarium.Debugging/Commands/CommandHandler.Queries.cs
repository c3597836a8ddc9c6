using System.Text;

namespace Vivarium.Debugging;

/// <content>Queries and settings.</content>
internal sealed partial class CommandHandler
{
    private const int MaskInterrupts = 2;

    private CommandReply Query(PacketText text)
    {
        if (text.TryTake("Supported"u8))
        {
            return QuerySupported(text);
        }

        if (text.TryTake("Xfer:features:read:"u8))
        {
            return ReadFeatures(text);
        }

        if (text.TryTake("Rcmd,"u8))
        {
            return Monitor(text);
        }

        if (text.TryTake("fThreadInfo"u8))
        {
            return new CommandReply("m" + string.Join(',', Enumerable.Range(1, _control.Processors.Count).Select(number => HexText.Number((ulong)number))));
        }

        if (text.TryTake("sThreadInfo"u8))
        {
            return new CommandReply("l");
        }

        if (text.TryTake("ThreadExtraInfo,"u8))
        {
            return TryTakeThread(ref text, out var index) && index >= 0
                ? new CommandReply(HexText.Encode($"vCPU {index}, {_control.Processors[index].Activity}"))
                : CommandReply.Invalid;
        }

        return text.TryTake("Attached"u8) ? new CommandReply("1")
            : text.TryTake("Symbol:"u8) ? CommandReply.Ok
            : text.TryTake("qemu."u8) ? QueryQemu(text)
            : text.TryTake('C') && text.IsEmpty ? new CommandReply("QC" + HexText.Number((ulong)_general + 1))
            : CommandReply.NotSupported;
    }

    private CommandReply QuerySupported(PacketText text)
    {
        text.TryTake(':');
        _control.NamesBreakpoints = false;
        while (!text.IsEmpty)
        {
            var feature = text.TakeUntil(';');
            _control.NamesBreakpoints |= feature.SequenceEqual("hwbreak+"u8);
        }

        return new CommandReply(
            $"PacketSize={HexText.Number(PacketReader.MaxPacketBytes)};QStartNoAckMode+;qXfer:features:read+;vContSupported+;hwbreak+;swbreak+");
    }

    private CommandReply ReadFeatures(PacketText text)
    {
        if (!text.TakeUntil(':').SequenceEqual("target.xml"u8))
        {
            return new CommandReply("E00");
        }

        if (!text.TryTakeNumber(out var offset) || !text.TryTake(',') || !text.TryTakeNumber(out var length))
        {
            return CommandReply.Invalid;
        }

        var document = _description.Xml;
        if (offset >= (ulong)document.Length)
        {
            return new CommandReply("l");
        }

        // Escapes may double what is sent.
        var rest = document[(int)offset..];
        var count = (int)Math.Min(Math.Min(length, PacketReader.MaxPacketBytes / 2), (ulong)rest.Length);
        return new CommandReply((count == rest.Length ? "l" : "m") + rest[..count]);
    }

    private CommandReply Monitor(PacketText text)
    {
        var command = new byte[text.Rest.Length / 2];
        return HexText.TryDecode(text.Rest, command) ? _monitor.Execute(Encoding.UTF8.GetString(command), Processor) : CommandReply.Invalid;
    }

    /// <summary>Packets of QEMU's stub (QEMU documentation, "GDB usage"): how steps treat interrupts, and physical memory.</summary>
    private CommandReply QueryQemu(PacketText text) =>
        text.TryTake("sstepbits"u8) ? new CommandReply("ENABLE=1,NOIRQ=2")
        : text.TryTake("sstep"u8) ? new CommandReply(Processor.MasksInterrupts ? "0x3" : "0x1")
        : text.TryTake("PhyMemMode"u8) ? new CommandReply(_isPhysical ? "1" : "0")
        : CommandReply.NotSupported;

    private CommandReply Set(PacketText text)
    {
        if (text.TryTake("StartNoAckMode"u8))
        {
            return new CommandReply("OK", CommandAction.StopAcknowledging);
        }

        if (text.TryTake("qemu.PhyMemMode:"u8))
        {
            _isPhysical = text.TryTake('1');
            return CommandReply.Ok;
        }

        if (text.TryTake("qemu.sstep="u8) || text.TryTake("qemu.sstep:"u8))
        {
            text.TryTake("0x"u8);
            if (!text.TryTakeNumber(out var bits))
            {
                return CommandReply.Invalid;
            }

            foreach (var cpu in _control.Processors)
            {
                cpu.MasksInterrupts = (bits & MaskInterrupts) != 0;
            }

            return CommandReply.Ok;
        }

        return CommandReply.NotSupported;
    }
}
