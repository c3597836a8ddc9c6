namespace Vivarium.Devices;

public sealed partial class AhciController
{
    private const ushort EnabledTag = 1;
    private const ushort StatusTag = 2;

    /// <inheritdoc/>
    public void Reset()
    {
        foreach (var port in _ports)
        {
            port.Device?.Reset();
        }

        ResetController();
    }

    /// <inheritdoc/>
    public void Start()
    {
        _isRunning = true;
        _jobs.Start();
        foreach (var port in _ports)
        {
            port.Resume();
        }
    }

    /// <inheritdoc/>
    public void Stop()
    {
        _isRunning = false;
        _jobs.Stop();
    }

    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        ArgumentNullException.ThrowIfNull(writer);
        writer.Write(EnabledTag, _interruptsEnabled);
        writer.Write(StatusTag, (ulong)_interruptStatus);
        foreach (var port in _ports)
        {
            port.Save(writer);
        }
    }

    /// <inheritdoc/>
    public void Restore(StateReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        _interruptsEnabled = reader.ReadBoolean(EnabledTag);
        _interruptStatus = reader.ReadUInt32(StatusTag) & ((1u << PortCount) - 1);
        foreach (var port in _ports)
        {
            port.Restore(reader);
        }
    }
}
