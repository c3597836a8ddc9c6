namespace Vivarium.Measurements;

/// <summary>What the measurement of a server's work may be asked for.</summary>
/// <param name="Workloads">Names of eng/guest-server-init.sh, separated by commas.</param>
/// <param name="Rounds">How often each emulator gets its turn.</param>
/// <param name="ScalePercent">How much stress-ng and hackbench do.</param>
/// <param name="Interface">What the disk hangs on.</param>
/// <param name="Minutes">No further round begins that would end later; fewer rounds then make the medians.</param>
/// <param name="VerifiesSnapshots">Whether fio goes over snapshots at the end.</param>
/// <param name="Qemu">The program qemu-system-x86_64.</param>
/// <param name="Vivarium">The tool's program.</param>
internal sealed record ServerOptions(string Workloads, int Rounds, int ScalePercent, string Interface, double Minutes, bool VerifiesSnapshots, string Qemu, string Vivarium)
{
    public const string AllWorkloads = "stress,hackbench,random,random1,sequential,write";
}
