namespace Vivarium.Measurements;

/// <summary>What the comparison with QEMU may be asked for.</summary>
/// <param name="Workloads">Names, separated by commas; null is all.</param>
/// <param name="ScalePercent">How much work each does, in percent of what it is made for.</param>
/// <param name="Rounds">How often each emulator gets its turn.</param>
/// <param name="TimeoutSeconds">When a run counts as hung.</param>
/// <param name="Qemu">The program qemu-system-x86_64.</param>
/// <param name="Vivarium">The tool's program.</param>
internal sealed record VersusOptions(string? Workloads, int ScalePercent, int Rounds, int TimeoutSeconds, string Qemu, string Vivarium);
