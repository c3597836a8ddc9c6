using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Vivarium.Bus;

/// <summary>
/// The 65,536 I/O ports of a PC. Unclaimed ports read as all ones and swallow writes. An access that no one device takes whole
/// is made byte by byte at consecutive ports, as a PC does towards 8-bit devices. Any thread; devices are called under the device lock.
/// </summary>
public sealed class PortBus : IPortIo
{
    private const string SpaceName = "port";

    private readonly AddressMap<IPortDevice> _map = new(ushort.MaxValue, SpaceName);
    private readonly Lock _deviceLock;
    private readonly BusLog _log;

    /// <summary>Creates an empty bus.</summary>
    /// <param name="deviceLock">The machine's device lock, held around every call of a device.</param>
    /// <param name="logger">Hears of unclaimed and refused accesses, once for each port.</param>
    public PortBus(Lock deviceLock, ILogger? logger = null)
    {
        _deviceLock = deviceLock ?? throw new ArgumentNullException(nameof(deviceLock));
        _log = new BusLog(logger ?? NullLogger.Instance);
    }

    /// <summary>Claims ports for a device.</summary>
    /// <param name="start">The first port.</param>
    /// <param name="length">How many ports, 1 to 65,536 − <paramref name="start"/>.</param>
    /// <param name="device">Who answers; it sees offsets from <paramref name="start"/>.</param>
    /// <param name="name">A name for messages.</param>
    /// <param name="priority">Where claims overlap, the higher one answers; equal ones may not overlap. Default 0.</param>
    /// <exception cref="ArgumentException">The range overlaps another claim of the same priority, or leaves the port space.</exception>
    public BusRegistration Map(ushort start, int length, IPortDevice device, string name, int priority = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(length);
        var claim = BusRegistration<IPortDevice>.CreateClaim(start, (ulong)length, device, name, priority);
        return new BusRegistration<IPortDevice>(_map, _deviceLock, claim);
    }

    /// <inheritdoc/>
    public uint ReadPort(ushort port, int sizeBytes)
    {
        lock (_deviceLock)
        {
            return Read(port, sizeBytes);
        }
    }

    /// <inheritdoc/>
    public void WritePort(ushort port, int sizeBytes, uint value)
    {
        lock (_deviceLock)
        {
            Write(port, sizeBytes, value & AllOnes(sizeBytes));
        }
    }

    private static uint AllOnes(int sizeBytes) => uint.MaxValue >> (32 - 8 * sizeBytes);

    private uint Read(uint port, int sizeBytes)
    {
        var segment = _map.Find(port);
        if (segment is null && IsVoid(port, sizeBytes))
        {
            _log.Unclaimed(SpaceName, port, port, sizeBytes, isWrite: false);
            return AllOnes(sizeBytes);
        }

        var result = IoResult.BadSize;
        if (segment is not null && port + (uint)sizeBytes - 1 <= segment.Last)
        {
            result = segment.Claim.Device.ReadPort((ushort)(port - segment.Claim.First), sizeBytes, out var value);
            if (result == IoResult.Ok)
            {
                return value & AllOnes(sizeBytes);
            }
        }

        if (result == IoResult.BadSize && sizeBytes > 1)
        {
            var value = 0u;
            for (var i = 0; i < sizeBytes; i++)
            {
                value |= Read(port + (uint)i, 1) << (8 * i);
            }

            return value;
        }

        _log.Refused(SpaceName, port, sizeBytes, isWrite: false, segment!.Claim.Name, result);
        return AllOnes(sizeBytes);
    }

    private void Write(uint port, int sizeBytes, uint value)
    {
        var segment = _map.Find(port);
        if (segment is null && IsVoid(port, sizeBytes))
        {
            _log.Unclaimed(SpaceName, port, port, sizeBytes, isWrite: true);
            return;
        }

        var result = IoResult.BadSize;
        if (segment is not null && port + (uint)sizeBytes - 1 <= segment.Last)
        {
            result = segment.Claim.Device.WritePort((ushort)(port - segment.Claim.First), sizeBytes, value);
            if (result == IoResult.Ok)
            {
                return;
            }
        }

        if (result == IoResult.BadSize && sizeBytes > 1)
        {
            for (var i = 0; i < sizeBytes; i++)
            {
                Write(port + (uint)i, 1, (byte)(value >> (8 * i)));
            }

            return;
        }

        _log.Refused(SpaceName, port, sizeBytes, isWrite: true, segment!.Claim.Name, result);
    }

    /// <summary>True if nobody claims any of the bytes of an access whose first byte is unclaimed.</summary>
    private bool IsVoid(uint port, int sizeBytes)
    {
        for (var i = 1u; i < sizeBytes; i++)
        {
            if (_map.Find(port + i) is not null)
            {
                return false;
            }
        }

        return true;
    }
}
