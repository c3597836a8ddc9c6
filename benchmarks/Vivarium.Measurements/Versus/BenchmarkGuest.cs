using System.Globalization;
using System.Text.RegularExpressions;

namespace Vivarium.Measurements;

/// <summary>The guest that benchmarks/guest/make-guest.sh makes, on the cloud kernel.</summary>
internal sealed partial class BenchmarkGuest
{
    /// <exception cref="MeasurementException">It was not made.</exception>
    public BenchmarkGuest()
    {
        Kernel = Path.Combine(Repository.GuestFolder("cloud"), "vmlinuz");
        Initrd = Path.Combine(Repository.GuestFolder("bench"), "initrd.cpio");
        if (!File.Exists(Kernel) || !File.Exists(Initrd))
        {
            throw new MeasurementException("The benchmark guest is not there; run eng/get-guest.sh and benchmarks/guest/make-guest.sh first, or eng/versus.sh.");
        }

        Workloads = [.. Definition().Matches(File.ReadAllText(Repository.SourceFile("benchmarks/guest/workloads.sh"))).Select(match => match.Groups[1].Value)];
    }

    public string Kernel { get; }

    public string Initrd { get; }

    /// <summary>All workloads, in their order.</summary>
    public IReadOnlyList<string> Workloads { get; }

    public static string CommandLine(IEnumerable<string> workloads, int scalePercent) =>
        string.Create(CultureInfo.InvariantCulture, $"console=ttyS0 quiet panic=-1 bench.run={string.Join(',', workloads)} bench.scale={scalePercent}");

    [GeneratedRegex(@"^do_(\w+)\(\)", RegexOptions.Multiline)]
    private static partial Regex Definition();
}
