using System.Globalization;
using Vivarium.Debugging;
using Vivarium.X86;

namespace Vivarium.Cli;

/// <summary>What <c>vivarium run</c> was asked for.</summary>
internal sealed record RunOptions
{
    private const string FilePrefix = "file:";

    public string? Kernel { get; init; }

    public string? Initrd { get; init; }

    public string Append { get; init; } = "";

    public ulong MemoryBytes { get; init; }

    public int Cpus { get; init; }

    public ExecutionEngine Engine { get; init; }

    /// <summary>Whether the guest runs on both engines, which are compared.</summary>
    public bool IsLockstep { get; init; }

    /// <summary>Nanoseconds of guest time between two comparisons.</summary>
    public long LockstepInterval { get; init; } = 1_000_000;

    /// <summary>Whether the recompiler's report is printed at the end.</summary>
    public bool EngineReport { get; init; }

    /// <summary>Whether translated code is named for Linux perf.</summary>
    public bool PerfMap { get; init; }

    public string CpuModel { get; init; } = "max";

    public string? Rom { get; init; }

    public string? Multiboot { get; init; }

    /// <summary>The firmware to boot; null if none does.</summary>
    public BootArguments? Boot { get; init; }

    public string Serial { get; init; } = "stdio";

    public string? DebugConsole { get; init; }

    /// <summary>The port whose bytes are printed as progress codes; null if none is.</summary>
    public ushort? PostPort { get; init; }

    public string? SnapshotSave { get; init; }

    public string? SnapshotLoad { get; init; }

    public double? TimeoutSeconds { get; init; }

    /// <summary>How gdb is served; null if it is not.</summary>
    public GdbServerOptions? Gdb { get; init; }

    /// <summary>The disks, in the order in which the guest finds them.</summary>
    public IReadOnlyList<DriveOptions> Drives { get; init; } = [];

    /// <summary>The host's folders for the guest.</summary>
    public IReadOnlyList<ShareOption> Shares { get; init; } = [];

    /// <summary>More devices (<see cref="DeviceOption"/>).</summary>
    public IReadOnlyList<string> Devices { get; init; } = [];

    /// <summary>The network devices.</summary>
    public NetworkingOptions Networking { get; init; } = new();

    public bool IsSerialStdio => Serial == "stdio";

    /// <summary>The file that takes the serial port's output; null if none does.</summary>
    public string? SerialFile => Serial.StartsWith(FilePrefix, StringComparison.Ordinal) ? Serial[FilePrefix.Length..] : null;

    /// <exception cref="UsageException">An option is impossible, or they do not go together.</exception>
    public void Validate()
    {
        var sources = new object?[] { Kernel, Rom, Multiboot, Boot }.Count(source => source is not null);
        if (sources > 1)
        {
            throw new UsageException("Give only one of --kernel, --rom, --multiboot and --boot.");
        }

        if (sources == 0 && SnapshotLoad is null)
        {
            throw new UsageException("Nothing to run: give --kernel, --rom, --multiboot, --boot or --snapshot-load.");
        }

        if (Boot is not null && (Initrd is not null || Append.Length > 0))
        {
            throw new UsageException("Firmware takes no --initrd and no --append; they belong to --kernel.");
        }

        if (Rom is not null && (Initrd is not null || Append.Length > 0))
        {
            throw new UsageException("A ROM takes no --initrd and no --append.");
        }

        if (!IsSerialStdio && Serial != "none" && string.IsNullOrEmpty(SerialFile))
        {
            throw new UsageException($"--serial takes stdio, file:F or none, not '{Serial}'.");
        }

        if (IsLockstep && (Drives.Count > 0 || Devices.Count > 0 || Shares.Count > 0 || Networking.Nets.Count > 0 || Boot is not null || Gdb is not null
            || SnapshotSave is not null || SnapshotLoad is not null || DebugConsole is not null || PostPort is not null))
        {
            throw new UsageException("With --engine lockstep there are two machines: it goes without --drive, --device, --share, --net, --boot, --gdb, --debugcon, --post-port and snapshots.");
        }

        if (SnapshotSave is { } snapshot && (Directory.Exists(snapshot) || !Directory.Exists(Path.GetDirectoryName(Path.GetFullPath(snapshot)))))
        {
            throw new UsageException($"--snapshot-save takes a file in a folder that exists, not '{snapshot}'.");
        }
    }

    /// <summary>The models there are, for people.</summary>
    public static string CpuModelNames => string.Join(", ", X86.CpuModel.All.Select(model => model.Name));

    /// <summary>The engines there are, for people.</summary>
    public static string EngineNames => string.Join(", ", [.. Enum.GetValues<ExecutionEngine>().Select(NameOf), LockstepRun.EngineName]);

    public static string NameOf(ExecutionEngine engine) => engine.ToString().ToLowerInvariant();

    /// <exception cref="UsageException">There is no such engine.</exception>
    public static ExecutionEngine FindEngine(string name)
    {
        foreach (var engine in Enum.GetValues<ExecutionEngine>())
        {
            if (NameOf(engine) == name)
            {
                return engine;
            }
        }

        throw new UsageException($"There is no engine '{name}'; choose one of {EngineNames}.");
    }

    /// <exception cref="UsageException">It is no number in its range.</exception>
    public static long ParseInterval(string text) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var interval) && interval is >= 1 and <= 1_000_000_000
            ? interval
            : throw new UsageException($"--lockstep-interval takes a number, 1 to 1000000000, not '{text}'.");

    /// <exception cref="UsageException">It is no number; the builder judges its size.</exception>
    public static int ParseCpus(string text) =>
        int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var count)
            ? count
            : throw new UsageException($"--cpus takes a number, 1 to 255, not '{text}'.");

    /// <exception cref="UsageException">It is no port.</exception>
    public static ushort? ParsePort(string? text)
    {
        if (text is null)
        {
            return null;
        }

        var isHex = text.StartsWith("0x", StringComparison.OrdinalIgnoreCase);
        return ushort.TryParse(text.AsSpan(isHex ? 2 : 0), isHex ? NumberStyles.AllowHexSpecifier : NumberStyles.None, CultureInfo.InvariantCulture, out var port)
            ? port
            : throw new UsageException($"--post-port takes a port, 0 to 0xffff, not '{text}'.");
    }

    /// <exception cref="UsageException">It is no time span that a machine may have.</exception>
    public static double? ParseSeconds(string? text)
    {
        if (text is null)
        {
            return null;
        }

        return double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var seconds) && seconds is > 0 and <= 31_536_000
            ? seconds
            : throw new UsageException($"--timeout takes seconds, more than 0 and at most a year, not '{text}'.");
    }

    /// <exception cref="UsageException">There is no such model.</exception>
    public static CpuModel FindModel(string name) =>
        X86.CpuModel.All.FirstOrDefault(model => model.Name == name)
        ?? throw new UsageException($"There is no CPU model '{name}'; choose one of {CpuModelNames}.");
}
