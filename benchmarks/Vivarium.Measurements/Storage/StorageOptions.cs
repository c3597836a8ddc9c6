namespace Vivarium.Measurements;

/// <summary>What the proof of disks may be asked for.</summary>
/// <param name="Operations">Random operations of each of the guest's workers on each disk.</param>
/// <param name="Rounds">How often the guest and qemu-io take turns.</param>
/// <param name="Kills">How often a process is killed while its guest writes.</param>
/// <param name="Seed">Of what is random on the host and of the guest's operations.</param>
/// <param name="Vivarium">The tool's program.</param>
internal sealed record StorageOptions(int Operations, int Rounds, int Kills, int Seed, string Vivarium);
