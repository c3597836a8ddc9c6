using System.Globalization;

namespace Vivarium.Cli;

/// <summary>One line at the end of a run: why it ended, on which engine, how fast. Created before the machine starts.</summary>
internal sealed class RunSummary(VirtualMachine vm)
{
    private readonly long _startNs = vm.Clock.NowNs;

    public string Describe(string end)
    {
        var instructions = vm.Usage.Sum(usage => usage.Instructions);
        var busyNs = Math.Max(1, vm.Usage.Sum(usage => usage.GuestNs));
        return string.Create(
            CultureInfo.InvariantCulture,
            $"vivarium: {end} after {(vm.Clock.NowNs - _startNs) / 1e9:F1} s; {RunOptions.NameOf(vm.Engine)}, {instructions / 1e6:F1} million instructions, {instructions * 1e3 / busyNs:F0} MIPS.");
    }
}
