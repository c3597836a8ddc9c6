namespace Vivarium.Devices;

/// <summary>A drive for a port of an <see cref="AhciController"/>: an <see cref="AhciDisk"/> or an <see cref="AhciCdDrive"/>. Belongs to one machine.</summary>
public abstract class AhciDrive
{
    private protected AhciDrive()
    {
    }

    internal abstract IAtaDevice CreateDevice(IAtaPort port, IVmEventQueue events);
}

/// <summary>A disk at an AHCI port.</summary>
/// <param name="backend">What stands behind it. Stays the caller's: dispose it after the machine.</param>
/// <param name="serialNumber">1 to 20 ASCII characters. Default "VIVARIUM0".</param>
public sealed class AhciDisk(IBlockBackend backend, string serialNumber = "VIVARIUM0") : AhciDrive
{
    private readonly string _serialNumber = serialNumber is { Length: > 0 and <= 20 } && System.Text.Ascii.IsValid(serialNumber)
        ? serialNumber
        : throw new ArgumentException("A serial number has 1 to 20 ASCII characters.", nameof(serialNumber));

    /// <summary>What stands behind it.</summary>
    public IBlockBackend Backend { get; } = backend ?? throw new ArgumentNullException(nameof(backend));

    internal override IAtaDevice CreateDevice(IAtaPort port, IVmEventQueue events) => new AtaDisk(port, Backend, _serialNumber);
}

/// <summary>A CD and DVD drive at an AHCI port. Its members may be called from any thread once the machine is built.</summary>
/// <param name="medium">The medium, of sectors of 2,048 bytes; null for none. Stays the caller's, and must outlive its stay in the drive.</param>
public sealed class AhciCdDrive(IBlockBackend? medium = null) : AhciDrive
{
    private AtapiCdRom? _device;
    private IVmEventQueue? _events;

    /// <summary>
    /// Changes the medium: takes out the one that is there, and puts <paramref name="next"/> in. The guest hears of it with its next command; one
    /// that is reading then gets an error. Completes when the old medium is not used any more; the machine has to run for that.
    /// </summary>
    /// <param name="next">The next medium; null leaves the drive empty.</param>
    /// <exception cref="InvalidOperationException">The drive is in no machine yet.</exception>
    public Task ChangeMediumAsync(IBlockBackend? next)
    {
        if (_device is not { } device || _events is not { } events)
        {
            throw new InvalidOperationException("The drive is in no machine yet; give it its first medium in the constructor.");
        }

        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        events.Post(() => device.ChangeMedium(next, done));
        return done.Task;
    }

    internal override IAtaDevice CreateDevice(IAtaPort port, IVmEventQueue events)
    {
        if (_device is not null)
        {
            throw new InvalidOperationException("The drive is in a machine already; create another for the next machine.");
        }

        _events = events;
        return _device = new AtapiCdRom(port, medium);
    }
}
