using Microsoft.Extensions.Logging;

namespace Vivarium.Virtio;

internal static partial class VirtioLog
{
    [LoggerMessage(1, LogLevel.Warning, "Virtio device '{Device}' asks its driver for a reset: {Reason}.")]
    public static partial void NeedsReset(ILogger logger, string device, string reason);

    [LoggerMessage(2, LogLevel.Warning, "Virtio disk '{Device}' told its guest of an I/O error: {Message} Further ones are not logged until the device is reset.")]
    public static partial void DiskFailed(ILogger logger, string device, string message, Exception? exception);
}
