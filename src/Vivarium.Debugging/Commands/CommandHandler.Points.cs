using Vivarium.X86;

namespace Vivarium.Debugging;

/// <content>Breakpoints and watchpoints. Software breakpoints are the same as hardware ones here: guest memory is not patched.</content>
internal sealed partial class CommandHandler
{
    private CommandReply ChangePoint(PacketText text, bool isAdded)
    {
        var kind = text.Take();
        if (!text.TryTake(',') || !text.TryTakeNumber(out var address) || !text.TryTake(',') || !text.TryTakeNumber(out var length)
            || !(text.IsEmpty || text.TryTake(';')))
        {
            return CommandReply.Invalid;
        }

        switch (kind)
        {
            case (byte)'0' or (byte)'1':
                return ChangeBreakpoint(kind == '1', address, isAdded);
            case (byte)'2':
                return ChangeWatch(address, length, DataWatchKind.Write, isAdded);
            case (byte)'3':
                return ChangeWatch(address, length, DataWatchKind.Read, isAdded);
            case (byte)'4':
                return ChangeWatch(address, length, DataWatchKind.Access, isAdded);
            default:
                return CommandReply.NotSupported;
        }
    }

    private CommandReply ChangeBreakpoint(bool isHardware, ulong address, bool isAdded)
    {
        if (isAdded)
        {
            return _control.TryAddBreakpoint(isHardware, address) ? CommandReply.Ok : CommandReply.Full;
        }

        _control.RemoveBreakpoint(isHardware, address);
        return CommandReply.Ok;
    }

    private CommandReply ChangeWatch(ulong address, ulong length, DataWatchKind kind, bool isAdded)
    {
        if (length == 0 || address + length - 1 < address)
        {
            return CommandReply.Invalid;
        }

        var watch = new DataWatch(address, length, kind);
        if (isAdded)
        {
            return _control.TryAddWatch(watch) ? CommandReply.Ok : CommandReply.Full;
        }

        _control.RemoveWatch(watch);
        return CommandReply.Ok;
    }
}
