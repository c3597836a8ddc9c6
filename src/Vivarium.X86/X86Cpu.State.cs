namespace Vivarium.X86;

/// <content>Saving and restoring. The state is whole and engine-neutral; caches are rebuilt.</content>
public sealed unsafe partial class X86Cpu
{
    private const ushort ModelTag = 1;
    private const ushort RegistersTag = 2;
    private const ushort A20Tag = 3;
    private const ushort SizeTag = 4;
    private const ushort EventsTag = 5;
    private const ushort StartupTag = 6;
    private const uint PendingDebugBits = 0xE00F;
    private const CpuEvents SavedEvents = CpuEvents.Interrupt | CpuEvents.Nmi | CpuEvents.SecondNmi | CpuEvents.Init | CpuEvents.Startup | CpuEvents.Kick;

    /// <inheritdoc/>
    public string StateName => $"cpu{Index}";

    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        ArgumentNullException.ThrowIfNull(writer);
        writer.Write(ModelTag, System.Text.Encoding.UTF8.GetBytes(Model.Name));
        writer.Write(SizeTag, (ulong)sizeof(CpuState));
        writer.Write(RegistersTag, new ReadOnlySpan<byte>(_state, sizeof(CpuState)));
        writer.Write(A20Tag, A20Enabled);
        var events = _core.TakeEvents();
        _core.Post(events);
        writer.Write(EventsTag, (ulong)(events & SavedEvents));
        writer.Write(StartupTag, (ulong)_startupVector);
    }

    /// <inheritdoc/>
    public void Restore(StateReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        var model = System.Text.Encoding.UTF8.GetString(reader.ReadBytes(ModelTag));
        if (model != Model.Name)
        {
            throw new StateFormatException($"The saved state is of a '{model}' processor, but this machine has '{Model.Name}'. Build it with the CPU model '{model}'.");
        }

        if (reader.ReadInt32(SizeTag) != sizeof(CpuState))
        {
            throw reader.Invalid(SizeTag);
        }

        reader.ReadBytes(RegistersTag, new Span<byte>(_state, sizeof(CpuState)));
        Sanitize();
        A20Enabled = reader.ReadBoolean(A20Tag);
        _startupVector = reader.ReadByte(StartupTag);
        _core.ClearSignals();
        _core.Post((CpuEvents)reader.ReadInt32(EventsTag) & SavedEvents);
        _core.Pending = PendingKind.None;
        ResumesAtStop = false;
        _stalled = 0;
        _interpreter.Clear();
        _engine.Clear();
        _core.FlushTlb();
        _core.UpdateMode();
    }

    /// <summary>A file may hold anything: what the engine relies on is forced into its range.</summary>
    private void Sanitize()
    {
        _state->Zero = 0;
        _state->Far = RegisterOffset.FarBytes;
        _state->Cpl &= 3;
        _state->Activity = _state->Activity <= ActivityState.WaitForStartup ? _state->Activity : ActivityState.Shutdown;
        _state->InterruptShadow = _state->InterruptShadow <= InterruptShadow.LoadStack ? _state->InterruptShadow : InterruptShadow.None;
        _state->PendingDebug &= PendingDebugBits;
        _state->NmiPending = Math.Min(_state->NmiPending, MostNmis);
        _state->Cr4 &= Model.Cr4Mask;
        _state->Efer &= Model.EferMask;
        _state->Xcr0 = (_state->Xcr0 & Model.SupportedXcr0) | 1;
        _state->Mxcsr &= 0xFFFF;
        _state->FlagSystem = (_state->FlagSystem & Rflags.All & ~Rflags.Arithmetic) | Rflags.One;
    }
}
