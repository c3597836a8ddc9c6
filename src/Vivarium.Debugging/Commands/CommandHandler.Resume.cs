namespace Vivarium.Debugging;

/// <content>Going on, per processor.</content>
internal sealed partial class CommandHandler
{
    /// <summary><c>c</c>, <c>s</c> and their forms with a signal, which a guest has none of: <c>[SIGNAL][;][ADDRESS]</c>.</summary>
    private CommandReply Continue(PacketText text, RunKind kind, bool hasSignal)
    {
        if (hasSignal && !text.TryTakeNumber(out _))
        {
            return CommandReply.Invalid;
        }

        text.TryTake(';');
        var stepped = _continued >= 0 ? _continued : _control.Last.Processor;
        if (!text.IsEmpty)
        {
            if (!text.TryTakeNumber(out var address) || !text.IsEmpty)
            {
                return CommandReply.Invalid;
            }

            _control.Processors[stepped].JumpTo(address);
        }

        var plans = new RunPlan[_control.Processors.Count];
        Array.Fill(plans, new RunPlan(_continued >= 0 ? RunKind.Hold : RunKind.Continue));
        plans[stepped] = new RunPlan(kind);
        return Resume(plans);
    }

    /// <summary><c>vCont</c>: actions with the threads they are for; the first that fits a thread counts, and who has none stands.</summary>
    private CommandReply Continue(PacketText text)
    {
        var plans = new RunPlan[_control.Processors.Count];
        var isPlanned = new bool[plans.Length];
        while (!text.IsEmpty)
        {
            if (!TryTakeAction(ref text, out var plan))
            {
                return CommandReply.Invalid;
            }

            var first = 0;
            var last = plans.Length - 1;
            if (text.TryTake(':'))
            {
                if (!TryTakeThread(ref text, out var index))
                {
                    return CommandReply.Invalid;
                }

                (first, last) = index >= 0 ? (index, index) : (first, last);
            }

            for (var i = first; i <= last; i++)
            {
                plans[i] = isPlanned[i] ? plans[i] : plan;
                isPlanned[i] = true;
            }

            if (!text.TryTake(';') && !text.IsEmpty)
            {
                return CommandReply.Invalid;
            }
        }

        return Array.Exists(plans, plan => plan.Kind != RunKind.Hold) ? Resume(plans) : CommandReply.Invalid;
    }

    private static bool TryTakeAction(ref PacketText text, out RunPlan plan)
    {
        plan = new RunPlan(RunKind.Continue);
        switch (text.Take())
        {
            case (byte)'c':
                return true;
            case (byte)'C':
                return text.TryTakeNumber(out _);
            case (byte)'s':
                plan = new RunPlan(RunKind.Step);
                return true;
            case (byte)'S':
                plan = new RunPlan(RunKind.Step);
                return text.TryTakeNumber(out _);
            case (byte)'r':
                if (!text.TryTakeNumber(out var start) || !text.TryTake(',') || !text.TryTakeNumber(out var end))
                {
                    return false;
                }

                plan = new RunPlan(RunKind.Step, start, end);
                return true;
            default:
                return false;
        }
    }

    private CommandReply Resume(ReadOnlySpan<RunPlan> plans) =>
        _control.TryPrepare(plans) ? new CommandReply(null, CommandAction.Resume) : new CommandReply(Describe(_control.Last));
}
