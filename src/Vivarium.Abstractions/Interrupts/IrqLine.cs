namespace Vivarium;

/// <summary>
/// One device's end of an interrupt wire. The device drives a level; who listens, and whether other devices share the input,
/// is the router's business. Call with the device lock held.
/// </summary>
public abstract class IrqLine
{
    /// <summary>The level this device drives now.</summary>
    public bool Level { get; private set; }

    /// <summary>Drives the line. Setting the level it already has does nothing.</summary>
    public void SetLevel(bool level)
    {
        if (level != Level)
        {
            Level = level;
            OnLevelChanged(level);
        }
    }

    /// <summary>Raises and lowers the line: one edge.</summary>
    public void Pulse()
    {
        SetLevel(true);
        SetLevel(false);
    }

    /// <summary>Called when the level changes.</summary>
    protected abstract void OnLevelChanged(bool level);
}
