namespace Vivarium;

/// <summary>Devices are wired before their machine exists: they hold this, and the machine listens.</summary>
internal sealed class PowerSwitch : IPowerControl
{
    /// <summary>Hears of requests, on any thread, with the device lock held.</summary>
    public Action<PowerRequest>? Requested { get; set; }

    public void RequestPowerOff() => Requested?.Invoke(new PowerRequest(PowerRequestKind.End, new ShutdownReason(ShutdownKind.GuestPowerOff)));

    public void RequestReset() => Requested?.Invoke(new PowerRequest(PowerRequestKind.Reset, null));

    public void RequestDebugExit(uint value) =>
        Requested?.Invoke(new PowerRequest(PowerRequestKind.End, new ShutdownReason(ShutdownKind.DebugExit, (int)((value << 1) | 1))));
}

/// <summary>What a guest or a processor asks of its machine.</summary>
internal sealed record PowerRequest(PowerRequestKind Kind, ShutdownReason? Reason);

/// <summary>Kinds of <see cref="PowerRequest"/>.</summary>
internal enum PowerRequestKind
{
    /// <summary>End the machine for the reason given.</summary>
    End,

    /// <summary>Reset it.</summary>
    Reset,

    /// <summary>A debugger's stop: pause it.</summary>
    Pause,
}
