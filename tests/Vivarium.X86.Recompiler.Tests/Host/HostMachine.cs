namespace Vivarium.X86.Tests;

/// <summary>The host's processor as a machine of the lab: runs cases of <see cref="LabMode.User64"/> in the child process.</summary>
internal sealed class HostMachine : IDisposable
{
    private readonly HostArea _area = new();
    private readonly HostChild _child;

    /// <param name="limitMilliseconds">How long a case may take.</param>
    public HostMachine(int limitMilliseconds = 5000) => _child = new HostChild(_area, limitMilliseconds);

    /// <summary>Whether there is a host to ask: Linux on x64.</summary>
    public static bool IsSupported => NativeRunner.IsSupported;

    public CaseOutcome Outcome { get; } = new();

    /// <summary>The frames of code and data after a case, in the order of <see cref="LabLayout.Frame"/>.</summary>
    public ReadOnlySpan<byte> Frames => _area.Frames;

    /// <summary>A state that the host can start with too: interrupts on, flat FS and GS bases that are canonical (or 0 where they cannot be set).</summary>
    public static LabState Adapt(LabState state)
    {
        var adapted = state.Copy();
        adapted.Flags |= Rflags.If;
        adapted.FsBase = Canonical(state.FsBase);
        adapted.GsBase = Canonical(state.GsBase);
        return adapted;

        static ulong Canonical(ulong value) => HostFeatures.HasBaseInstructions ? (ulong)((long)(value << 16) >> 16) : 0;
    }

    /// <summary>Runs a case to its exception; null, or how the child ended.</summary>
    public string? Run(LabProgram program, LabState state)
    {
        _child.EnsureWaiting();
        var content = LabData.Content(state.Data);
        content.CopyTo(_area.Frames);
        for (var i = 0; i < LabLayout.FrameCount; i++)
        {
            program.CopyTo(LabLayout.Frame[i], _area.Frames.Slice(i << 12, 0x1000));
        }

        new SignalFrame(_area).Load(program, state);
        _area.Field(HostArea.FsBase) = state.FsBase;
        _area.Field(HostArea.GsBase) = state.GsBase;
        _area.Field(HostArea.SystemFlags) = Rflags.One | (state.Flags & (Rflags.Nt | Rflags.Id));
        if (_child.Resume() is { } end)
        {
            return end;
        }

        new SignalFrame(_area).Store(Outcome);
        return null;
    }

    public void Dispose()
    {
        _child.Dispose();
        _area.Dispose();
    }
}
