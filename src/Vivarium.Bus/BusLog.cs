using Microsoft.Extensions.Logging;

namespace Vivarium.Bus;

/// <summary>
/// Says once for each place what a guest did wrong on a bus. The set of places is bounded: a guest cannot fill a host's memory or log.
/// </summary>
internal sealed partial class BusLog(ILogger logger)
{
    private const int MaximumPlaces = 128;

    private readonly HashSet<(ulong Place, IoResult Result, bool IsWrite)> _seen = [];

    public void Unclaimed(string space, ulong address, ulong place, int sizeBytes, bool isWrite)
    {
        if (IsNews(place, IoResult.Ok, isWrite))
        {
            LogUnclaimed(logger, isWrite ? "write" : "read", sizeBytes, space, address);
        }
    }

    public void Refused(string space, ulong address, int sizeBytes, bool isWrite, string device, IoResult result)
    {
        if (IsNews(address, result, isWrite))
        {
            LogRefused(logger, device, isWrite ? "write" : "read", sizeBytes, space, address, result);
        }
    }

    private bool IsNews(ulong place, IoResult result, bool isWrite) =>
        logger.IsEnabled(LogLevel.Debug) && _seen.Count < MaximumPlaces && _seen.Add((place, result, isWrite));

    [LoggerMessage(Level = LogLevel.Debug, Message = "Nobody claims the {Direction} of {SizeBytes} bytes at {Space} 0x{Address:X}; said once.")]
    private static partial void LogUnclaimed(ILogger logger, string direction, int sizeBytes, string space, ulong address);

    [LoggerMessage(Level = LogLevel.Debug, Message = "'{Device}' refused a {Direction} of {SizeBytes} bytes at {Space} 0x{Address:X}: {Result}; said once.")]
    private static partial void LogRefused(ILogger logger, string device, string direction, int sizeBytes, string space, ulong address, IoResult result);
}
