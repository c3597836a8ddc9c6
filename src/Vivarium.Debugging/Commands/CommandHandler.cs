using Vivarium.X86;

namespace Vivarium.Debugging;

/// <summary>
/// Answers packets of the remote serial protocol (GDB manual, appendix "GDB Remote Serial Protocol"), the machine being halted. Whatever a packet
/// holds is answered: an unknown one with nothing, one that makes no sense with an error.
/// </summary>
internal sealed partial class CommandHandler
{
    private readonly RunControl _control;
    private readonly TargetDescription _description;
    private readonly MonitorCommands _monitor;

    /// <summary>The processor that registers and memory are those of.</summary>
    private int _general;

    /// <summary>The processor that <c>c</c> and <c>s</c> mean; negative for all.</summary>
    private int _continued = -1;

    public CommandHandler(RunControl control, GdbRegisterSet registers)
    {
        _control = control;
        _description = new TargetDescription(registers, control.Processors[0].Core.Model.Has(CpuFeature.Avx));
        _monitor = new MonitorCommands(control);
    }

    private CpuDebugger Processor => _control.Processors[_general];

    /// <summary>Tells the client of a halt; it looks at that processor from now on.</summary>
    public string Describe(StopReport report)
    {
        _general = report.Processor;
        return report.Text;
    }

    public CommandReply Handle(ReadOnlySpan<byte> packet)
    {
        var text = new PacketText(packet);
        return (char)text.Take() switch
        {
            '?' => new CommandReply(Describe(_control.Last)),
            'g' => ReadRegisters(),
            'G' => WriteRegisters(text),
            'p' => ReadRegister(text),
            'P' => WriteRegister(text),
            'm' => ReadMemory(text),
            'M' => WriteMemory(text),
            'X' => WriteBinaryMemory(text),
            'Z' => ChangePoint(text, isAdded: true),
            'z' => ChangePoint(text, isAdded: false),
            'c' => Continue(text, RunKind.Continue, hasSignal: false),
            'C' => Continue(text, RunKind.Continue, hasSignal: true),
            's' => Continue(text, RunKind.Step, hasSignal: false),
            'S' => Continue(text, RunKind.Step, hasSignal: true),
            'H' => SelectThread(text),
            'T' => TryTakeThread(ref text, out var index) && index >= 0 ? CommandReply.Ok : CommandReply.Invalid,
            'D' => new CommandReply("OK", CommandAction.Detach),
            'k' => new CommandReply(null, CommandAction.Kill),
            'q' => Query(text),
            'Q' => Set(text),
            'v' => HandleLong(text),
            _ => CommandReply.NotSupported,
        };
    }

    private CommandReply HandleLong(PacketText text)
    {
        if (text.TryTake("Cont?"u8))
        {
            return new CommandReply("vCont;c;C;s;S;r");
        }

        return text.TryTake("Cont;"u8) ? Continue(text)
            : text.TryTake("Kill"u8) ? new CommandReply("OK", CommandAction.Kill)
            : text.TryTake("CtrlC"u8) ? CommandReply.Ok
            : CommandReply.NotSupported;
    }

    private CommandReply SelectThread(PacketText text)
    {
        var operation = text.Take();
        if (operation is not ((byte)'g' or (byte)'c') || !TryTakeThread(ref text, out var index))
        {
            return CommandReply.Invalid;
        }

        if (operation == 'c')
        {
            _continued = index;
        }
        else
        {
            _general = Math.Max(index, 0);
        }

        return CommandReply.Ok;
    }

    /// <summary>Takes a thread number: a processor's, or negative for "all" and "any". False if there is none such.</summary>
    private bool TryTakeThread(ref PacketText text, out int index)
    {
        index = -1;
        if (text.TryTake('p'))
        {
            // A process, of which there is one; with no thread behind it, all of its threads.
            if (!text.TryTake("-1"u8) && !text.TryTakeNumber(out _))
            {
                return false;
            }

            if (!text.TryTake('.'))
            {
                return true;
            }
        }

        if (text.TryTake("-1"u8))
        {
            return true;
        }

        if (!text.TryTakeNumber(out var number) || number > (ulong)_control.Processors.Count)
        {
            return false;
        }

        index = (int)number - 1;
        return true;
    }
}
