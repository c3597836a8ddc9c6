using Microsoft.Extensions.Logging;
using Vivarium.X86;

namespace Vivarium;

/// <summary>The engine that a machine asked for, or the one that its host can give.</summary>
internal static partial class EngineChoice
{
    /// <summary>Builds what all processors of a machine share.</summary>
    /// <returns>The provider, or null for the interpreter.</returns>
    /// <exception cref="InvalidOperationException">The recompiler was asked for by name and cannot be had.</exception>
    public static ExecutionEngineProvider? Create(
        ExecutionEngine engine, Func<ExecutionEngineProvider> createRecompiler, ILogger logger, string machine)
    {
        if (engine == ExecutionEngine.Interpreter || (engine == ExecutionEngine.Auto && !Recompiler.IsSupported))
        {
            return null;
        }

        try
        {
            return createRecompiler();
        }
        catch (Exception exception) when (exception is OutOfMemoryException or PlatformNotSupportedException)
        {
            if (engine == ExecutionEngine.Recompiler)
            {
                throw new InvalidOperationException(
                    $"The recompiler cannot be had here: {exception.Message} Choose ExecutionEngine.Interpreter or Auto, or let this process have executable memory on an x64 host.",
                    exception);
            }

            LogFallback(logger, machine, exception.Message);
            return null;
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Machine '{Name}' runs on the interpreter, which is slower, because the recompiler cannot be had here: {Reason}")]
    private static partial void LogFallback(ILogger logger, string name, string reason);
}
