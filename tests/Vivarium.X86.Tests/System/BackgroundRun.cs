namespace Vivarium.X86.Tests;

/// <summary>A program that runs on a thread of its own.</summary>
internal sealed class BackgroundRun
{
    private readonly Thread _thread;
    private GuestOutcome? _outcome;

    public BackgroundRun(GuestProgram program)
    {
        _thread = new Thread(() => _outcome = program.Run(long.MaxValue)) { IsBackground = true };
        _thread.Start();
    }

    /// <summary>Waits for the end; null if it does not come in time.</summary>
    public GuestOutcome? Wait(int milliseconds) => _thread.Join(milliseconds) ? _outcome : null;
}
