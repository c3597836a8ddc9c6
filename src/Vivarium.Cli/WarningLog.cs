using Microsoft.Extensions.Logging;

namespace Vivarium.Cli;

/// <summary>Shows what the machine warns of, a line each. Thread-safe if the writer is.</summary>
internal sealed class WarningLog(TextWriter errors) : ILoggerFactory, ILogger
{
    public ILogger CreateLogger(string categoryName) => this;

    public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException("Warnings go to standard error only.");

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    /// <summary>An error ends the machine and is shown by who waits for its end.</summary>
    public bool IsEnabled(LogLevel logLevel) => logLevel == LogLevel.Warning;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (IsEnabled(logLevel))
        {
            errors.WriteLine($"vivarium: {formatter(state, exception)}");
        }
    }

    public void Dispose()
    {
    }
}
