using System.Threading.Channels;

namespace Vivarium.Debugging;

/// <summary>One client from its connection to its end. The guest stands while the client looks at it, from the moment it connects.</summary>
internal sealed class GdbSession : IDisposable
{
    private const int ReceiveBytes = 16 * 1024;

    private readonly IDebuggedMachine _machine;
    private readonly Stream _stream;
    private readonly GdbRegisterSet _registers;
    private readonly PacketReader _reader = new();
    private readonly Channel<bool> _changes = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private RunControl? _control;
    private CommandHandler? _handler;
    private byte[] _lastFrame = [];
    private bool _acknowledges = true;

    /// <summary>The client let the guest go on and waits for its stop.</summary>
    private bool _clientWaits;
    private bool _hasEnded;

    public GdbSession(IDebuggedMachine machine, Stream stream, GdbRegisterSet registers)
    {
        _machine = machine;
        _stream = stream;
        _registers = registers;
        _machine.StateChanged += OnStateChanged;
    }

    public void Dispose() => _machine.StateChanged -= OnStateChanged;

    /// <summary>Serves the client until it detaches, kills the machine, vanishes, or the machine ends.</summary>
    /// <exception cref="IOException">The client vanished.</exception>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        await _machine.HaltAsync().ConfigureAwait(false);
        if (_machine.State == DebuggedState.Ended)
        {
            return;
        }

        _control = new RunControl(_machine);
        _handler = new CommandHandler(_control, _registers);
        _machine.HaltsAtTripleFault = true;
        try
        {
            await ServeAsync(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            await TakeBackAsync(resumes: false).ConfigureAwait(false);
        }
    }

    private void OnStateChanged(object? sender, EventArgs arguments) => _changes.Writer.TryWrite(true);

    private async Task ServeAsync(CancellationToken cancellationToken)
    {
        var buffer = new byte[ReceiveBytes];
        var received = _stream.ReadAsync(buffer, cancellationToken).AsTask();
        var changed = _changes.Reader.WaitToReadAsync(cancellationToken).AsTask();
        while (!_hasEnded)
        {
            await Task.WhenAny(received, changed).ConfigureAwait(false);
            if (changed.IsCompleted)
            {
                await changed.ConfigureAwait(false);
                _changes.Reader.TryRead(out _);
                changed = _changes.Reader.WaitToReadAsync(cancellationToken).AsTask();
                await LookAtMachineAsync(cancellationToken).ConfigureAwait(false);
                continue;
            }

            var count = await received.ConfigureAwait(false);
            if (count == 0)
            {
                return;
            }

            for (var i = 0; i < count && !_hasEnded; i++)
            {
                await TakeAsync(_reader.Push(buffer[i]), cancellationToken).ConfigureAwait(false);
            }

            received = _hasEnded ? received : _stream.ReadAsync(buffer, cancellationToken).AsTask();
        }
    }

    /// <summary>Tells a client that waits of the guest's stop or end.</summary>
    private async Task LookAtMachineAsync(CancellationToken cancellationToken)
    {
        var state = _machine.State;
        if (state == DebuggedState.Ended)
        {
            _hasEnded = true;
            if (_clientWaits)
            {
                await SendAsync(FormattableString.Invariant($"W{_machine.ExitCode & 0xFF:x2}"), cancellationToken).ConfigureAwait(false);
            }
        }
        else if (state == DebuggedState.Halted && _clientWaits)
        {
            // What made it stand may still be on its way out of the scheduler.
            await _machine.HaltAsync().ConfigureAwait(false);
            await SendStopAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task SendStopAsync(CancellationToken cancellationToken)
    {
        _clientWaits = false;
        await SendAsync(_handler!.Describe(_control!.Report()), cancellationToken).ConfigureAwait(false);
    }

    private async Task TakeAsync(PacketEvent packetEvent, CancellationToken cancellationToken)
    {
        switch (packetEvent)
        {
            case PacketEvent.Interrupt when _clientWaits:
                await StopGuestAsync(cancellationToken).ConfigureAwait(false);
                break;
            case PacketEvent.Refused:
                await _stream.WriteAsync(_lastFrame, cancellationToken).ConfigureAwait(false);
                break;
            case PacketEvent.Damaged:
                await _stream.WriteAsync("-"u8.ToArray(), cancellationToken).ConfigureAwait(false);
                break;
            case PacketEvent.TooLong:
                await AcknowledgeAsync(cancellationToken).ConfigureAwait(false);
                await SendAsync(CommandReply.Invalid.Text!, cancellationToken).ConfigureAwait(false);
                break;
            case PacketEvent.Packet:
                await AcknowledgeAsync(cancellationToken).ConfigureAwait(false);
                await AnswerAsync(cancellationToken).ConfigureAwait(false);
                break;
        }
    }

    private async Task AnswerAsync(CancellationToken cancellationToken)
    {
        // A client that speaks while the guest runs wants it to stand; and the host may have let it go on.
        if (_clientWaits)
        {
            await StopGuestAsync(cancellationToken).ConfigureAwait(false);
        }

        await _machine.HaltAsync().ConfigureAwait(false);
        if (_machine.State == DebuggedState.Ended)
        {
            _hasEnded = true;
            return;
        }

        var reply = _handler!.Handle(_reader.Payload.Span);
        await CarryOutAsync(reply.Action).ConfigureAwait(false);
        if (reply.Text is not null)
        {
            await SendAsync(reply.Text, cancellationToken).ConfigureAwait(false);
        }

        if (reply.Action == CommandAction.StopAcknowledging)
        {
            _acknowledges = false;
            _reader.VerifiesChecksums = false;
        }
    }

    private async Task CarryOutAsync(CommandAction action)
    {
        switch (action)
        {
            case CommandAction.Resume:
                _clientWaits = true;
                await _machine.ResumeAsync().ConfigureAwait(false);
                break;
            case CommandAction.Detach:
                _hasEnded = true;
                await TakeBackAsync(resumes: true).ConfigureAwait(false);
                break;
            case CommandAction.Kill:
                _hasEnded = true;
                await _machine.EndAsync().ConfigureAwait(false);
                break;
            case CommandAction.Reset:
                await _machine.ResetAsync().ConfigureAwait(false);
                break;
        }
    }

    private async Task StopGuestAsync(CancellationToken cancellationToken)
    {
        await _machine.HaltAsync().ConfigureAwait(false);
        await LookAtMachineAsync(cancellationToken).ConfigureAwait(false);
    }

    private async Task AcknowledgeAsync(CancellationToken cancellationToken)
    {
        if (_acknowledges)
        {
            await _stream.WriteAsync("+"u8.ToArray(), cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task SendAsync(string reply, CancellationToken cancellationToken)
    {
        _lastFrame = PacketWriter.Frame(reply);
        await _stream.WriteAsync(_lastFrame, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>However it ended: breakpoints and the like go, once, and a guest that ran goes on.</summary>
    private async Task TakeBackAsync(bool resumes)
    {
        if (_control is not { } control)
        {
            return;
        }

        _control = null;
        resumes |= _machine.State == DebuggedState.Running;
        await _machine.HaltAsync().ConfigureAwait(false);
        control.Dispose();
        if (resumes)
        {
            await _machine.ResumeAsync().ConfigureAwait(false);
        }
    }
}
