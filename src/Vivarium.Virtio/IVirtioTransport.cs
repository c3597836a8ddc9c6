namespace Vivarium.Virtio;

/// <summary>How a device reaches its driver. Called with the device lock held.</summary>
public interface IVirtioTransport
{
    /// <summary>Whether the device may read and write guest memory now; when that comes back, call <see cref="VirtioDevice.ResumeQueues"/>.</summary>
    bool CanUseMemory { get; }

    /// <summary>Buffers of a queue were given back.</summary>
    void SignalQueue(int queue);

    /// <summary>The configuration or the status changed.</summary>
    void SignalConfiguration();

    /// <summary>The driver's reset of the device is complete.</summary>
    void OnDeviceReset();
}
