using Vivarium.X86;

namespace Vivarium.Debugging;

/// <summary>What a client is told when the guest has stopped.</summary>
/// <param name="Signal">A number of gdb's own list.</param>
/// <param name="Processor">Index of the processor that it is about.</param>
/// <param name="Detail">Further pairs of the stop reply, as <c>hwbreak:;</c>.</param>
internal readonly record struct StopReport(int Signal, int Processor, string Detail = "")
{
    public const int Interrupted = 2;
    public const int Trap = 5;
    public const int SegmentationViolation = 11;

    /// <summary>The stop reply packet.</summary>
    public string Text => FormattableString.Invariant($"T{Signal:x2}thread:{Processor + 1:x};{Detail}");

    public static string DetailOf(DataWatch watch)
    {
        var name = watch.Kind switch
        {
            DataWatchKind.Write => "watch",
            DataWatchKind.Read => "rwatch",
            _ => "awatch",
        };
        return $"{name}:{HexText.Number(watch.Linear)};";
    }
}
