using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Vivarium.Bus;

/// <summary>
/// Guest-physical space outside RAM. Unclaimed addresses read as all ones and swallow writes. An access that no one device takes
/// whole is made in halves, down to bytes. Any thread; devices are called under the device lock.
/// </summary>
public sealed class MmioBus : IMmioPort
{
    private const string SpaceName = "memory";
    private const ulong PageMask = 0xFFF;

    private readonly AddressMap<IMmioDevice> _map = new(ulong.MaxValue, SpaceName);
    private readonly Lock _deviceLock;
    private readonly BusLog _log;

    /// <summary>Creates an empty bus.</summary>
    /// <param name="deviceLock">The machine's device lock, held around every call of a device.</param>
    /// <param name="logger">Hears of unclaimed accesses, once for each page, and of refused ones, once for each register.</param>
    public MmioBus(Lock deviceLock, ILogger? logger = null)
    {
        _deviceLock = deviceLock ?? throw new ArgumentNullException(nameof(deviceLock));
        _log = new BusLog(logger ?? NullLogger.Instance);
    }

    /// <summary>Claims guest-physical addresses for a device.</summary>
    /// <param name="start">The first address.</param>
    /// <param name="length">How many bytes, at least 1.</param>
    /// <param name="device">Who answers; it sees offsets from <paramref name="start"/>.</param>
    /// <param name="name">A name for messages.</param>
    /// <param name="priority">Where claims overlap, the higher one answers; equal ones may not overlap. Default 0.</param>
    /// <exception cref="ArgumentException">The range overlaps another claim of the same priority, or leaves the address space.</exception>
    public BusRegistration Map(ulong start, ulong length, IMmioDevice device, string name, int priority = 0)
    {
        var claim = BusRegistration<IMmioDevice>.CreateClaim(start, length, device, name, priority);
        return new BusRegistration<IMmioDevice>(_map, _deviceLock, claim);
    }

    /// <inheritdoc/>
    public ulong ReadMmio(ulong gpa, int sizeBytes)
    {
        lock (_deviceLock)
        {
            return Read(gpa, sizeBytes);
        }
    }

    /// <inheritdoc/>
    public void WriteMmio(ulong gpa, int sizeBytes, ulong value)
    {
        lock (_deviceLock)
        {
            Write(gpa, sizeBytes, value & AllOnes(sizeBytes));
        }
    }

    private static ulong AllOnes(int sizeBytes) => ulong.MaxValue >> (64 - 8 * sizeBytes);

    private ulong Read(ulong gpa, int sizeBytes)
    {
        var segment = _map.Find(gpa);
        var result = IoResult.BadSize;
        if (segment is not null && (ulong)sizeBytes - 1 <= segment.Last - gpa)
        {
            result = segment.Claim.Device.ReadMmio(gpa - segment.Claim.First, sizeBytes, out var value);
            if (result == IoResult.Ok)
            {
                return value & AllOnes(sizeBytes);
            }
        }

        if (sizeBytes > 1 && result == IoResult.BadSize && (segment is not null || !IsVoid(gpa, sizeBytes)))
        {
            var half = sizeBytes / 2;
            return Read(gpa, half) | (Read(unchecked(gpa + (ulong)half), half) << (8 * half));
        }

        Log(segment, gpa, sizeBytes, isWrite: false, result);
        return AllOnes(sizeBytes);
    }

    private void Write(ulong gpa, int sizeBytes, ulong value)
    {
        var segment = _map.Find(gpa);
        var result = IoResult.BadSize;
        if (segment is not null && (ulong)sizeBytes - 1 <= segment.Last - gpa)
        {
            result = segment.Claim.Device.WriteMmio(gpa - segment.Claim.First, sizeBytes, value);
            if (result == IoResult.Ok)
            {
                return;
            }
        }

        if (sizeBytes > 1 && result == IoResult.BadSize && (segment is not null || !IsVoid(gpa, sizeBytes)))
        {
            var half = sizeBytes / 2;
            Write(gpa, half, value & AllOnes(half));
            Write(unchecked(gpa + (ulong)half), half, value >> (8 * half));
            return;
        }

        Log(segment, gpa, sizeBytes, isWrite: true, result);
    }

    /// <summary>True if nobody claims any of the bytes of an access whose first byte is unclaimed.</summary>
    private bool IsVoid(ulong gpa, int sizeBytes)
    {
        for (var i = 1; i < sizeBytes; i++)
        {
            if (_map.Find(unchecked(gpa + (ulong)i)) is not null)
            {
                return false;
            }
        }

        return true;
    }

    private void Log(Segment<IMmioDevice>? segment, ulong gpa, int sizeBytes, bool isWrite, IoResult result)
    {
        if (segment is null)
        {
            _log.Unclaimed(SpaceName, gpa, gpa & ~PageMask, sizeBytes, isWrite);
        }
        else
        {
            _log.Refused(SpaceName, gpa, sizeBytes, isWrite, segment.Claim.Name, result);
        }
    }
}
