using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Vivarium.Memory;

namespace Vivarium.Virtio;

/// <summary>What every device takes from its machine.</summary>
/// <param name="Memory">The guest's memory.</param>
/// <param name="Events">Where completions of the host's input and output go.</param>
/// <param name="Logger">Hears of guest mistakes and host failures. Default: nowhere.</param>
public sealed record VirtioServices(GuestMemory Memory, IVmEventQueue Events, ILogger? Logger = null)
{
    internal ILogger Log => Logger ?? NullLogger.Instance;
}
