namespace Vivarium.Bus;

/// <summary>
/// A device's claim to a range of addresses. Disposing it gives the range back. Any thread, except that the device lock is taken.
/// </summary>
public abstract class BusRegistration : IDisposable
{
    private protected BusRegistration()
    {
    }

    /// <summary>Who claims, for people and messages.</summary>
    public abstract string Name { get; }

    /// <summary>The first address claimed.</summary>
    public abstract ulong Start { get; }

    /// <summary>How many addresses are claimed.</summary>
    public abstract ulong Length { get; }

    /// <summary>Whether the claim is in force, that is, not disposed.</summary>
    public abstract bool IsMapped { get; }

    /// <summary>Moves the claim in one step, as a guest does when it writes a PCI base address register.</summary>
    /// <exception cref="ArgumentException">
    /// The new range overlaps another claim of the same priority or leaves the space; the claim stays where it is.
    /// </exception>
    /// <exception cref="ObjectDisposedException">The claim was given back.</exception>
    public abstract void Move(ulong newStart);

    /// <summary>Gives the range back. A second call does nothing.</summary>
    public abstract void Dispose();
}

/// <summary>The registration of a claim in an <see cref="AddressMap{TDevice}"/>.</summary>
internal sealed class BusRegistration<TDevice> : BusRegistration
    where TDevice : class
{
    private readonly AddressMap<TDevice> _map;
    private readonly Lock _deviceLock;
    private Claim<TDevice> _claim;
    private bool _mapped = true;

    public BusRegistration(AddressMap<TDevice> map, Lock deviceLock, Claim<TDevice> claim)
    {
        _map = map;
        _deviceLock = deviceLock;
        _claim = claim;
        lock (deviceLock)
        {
            map.Add(claim);
        }
    }

    public override string Name => _claim.Name;

    public override ulong Start => Volatile.Read(ref _claim).First;

    public override ulong Length => _claim.Last - _claim.First + 1;

    public override bool IsMapped => Volatile.Read(ref _mapped);

    public static Claim<TDevice> CreateClaim(ulong start, ulong length, TDevice device, string name, int priority)
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentOutOfRangeException.ThrowIfZero(length);
        return new Claim<TDevice>(start, unchecked(start + length - 1), device, name, priority);
    }

    public override void Move(ulong newStart)
    {
        lock (_deviceLock)
        {
            ObjectDisposedException.ThrowIf(!_mapped, this);
            var moved = _claim with { First = newStart, Last = unchecked(newStart + (_claim.Last - _claim.First)) };
            _map.Replace(_claim, moved);
            _claim = moved;
        }
    }

    public override void Dispose()
    {
        lock (_deviceLock)
        {
            if (_mapped)
            {
                _mapped = false;
                _map.Remove(_claim);
            }
        }
    }
}
