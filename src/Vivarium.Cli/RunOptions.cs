using System.Globalization;
using Vivarium.Debugging;
using Vivarium.X86;

namespace Vivarium.Cli;

/// <summary>What <c>vivarium run</c> was asked for.</summary>
internal sealed record RunOptions
{
    /// <summary>A source of entropy.</summary>
    public const string VirtioRng = "virtio-rng";

    private const string FilePrefix = "file:";

    public string? Kernel { get; init; }

    public string? Initrd { get; init; }

    public string Append { get; init; } = "";

    public ulong MemoryBytes { get; init; }

    public int Cpus { get; init; }

    public ExecutionEngine Engine { get; init; }

    /// <summary>Whether the recompiler's report is printed at the end.</summary>
    public bool EngineReport { get; init; }

    /// <summary>Whether translated code is named for Linux perf.</summary>
    public bool PerfMap { get; init; }

    public string CpuModel { get; init; } = "max";

    public string? Rom { get; init; }

    public string? Multiboot { get; init; }

    public string Serial { get; init; } = "stdio";

    public string? DebugConsole { get; init; }

    public string? SnapshotSave { get; init; }

    public string? SnapshotLoad { get; init; }

    public double? TimeoutSeconds { get; init; }

    /// <summary>How gdb is served; null if it is not.</summary>
    public GdbServerOptions? Gdb { get; init; }

    /// <summary>The disks, in the order in which the guest finds them.</summary>
    public IReadOnlyList<DriveOptions> Drives { get; init; } = [];

    /// <summary>More devices by name.</summary>
    public IReadOnlyList<string> Devices { get; init; } = [];

    /// <summary>The network devices.</summary>
    public NetworkingOptions Networking { get; init; } = new();

    public bool IsSerialStdio => Serial == "stdio";

    /// <summary>The file that takes the serial port's output; null if none does.</summary>
    public string? SerialFile => Serial.StartsWith(FilePrefix, StringComparison.Ordinal) ? Serial[FilePrefix.Length..] : null;

    /// <exception cref="UsageException">An option is impossible, or they do not go together.</exception>
    public void Validate()
    {
        var sources = new[] { Kernel, Rom, Multiboot }.Count(source => source is not null);
        if (sources > 1)
        {
            throw new UsageException("Give only one of --kernel, --rom and --multiboot.");
        }

        if (sources == 0 && SnapshotLoad is null)
        {
            throw new UsageException("Nothing to run: give --kernel, --rom, --multiboot or --snapshot-load.");
        }

        if (Rom is not null && (Initrd is not null || Append.Length > 0))
        {
            throw new UsageException("A ROM takes no --initrd and no --append.");
        }

        if (!IsSerialStdio && Serial != "none" && string.IsNullOrEmpty(SerialFile))
        {
            throw new UsageException($"--serial takes stdio, file:F or none, not '{Serial}'.");
        }

        if (Devices.FirstOrDefault(device => device != VirtioRng) is { } unknown)
        {
            throw new UsageException($"There is no device '{unknown}'; choose {VirtioRng}.");
        }

        if (SnapshotSave is { } snapshot && (Directory.Exists(snapshot) || !Directory.Exists(Path.GetDirectoryName(Path.GetFullPath(snapshot)))))
        {
            throw new UsageException($"--snapshot-save takes a file in a folder that exists, not '{snapshot}'.");
        }
    }

    /// <summary>The models there are, for people.</summary>
    public static string CpuModelNames => string.Join(", ", X86.CpuModel.All.Select(model => model.Name));

    /// <summary>The engines there are, for people.</summary>
    public static string EngineNames => string.Join(", ", Enum.GetValues<ExecutionEngine>().Select(NameOf));

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

    /// <exception cref="UsageException">It is no number; the builder judges its size.</exception>
    public static int ParseCpus(string text) =>
        int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var count)
            ? count
            : throw new UsageException($"--cpus takes a number, 1 to 255, not '{text}'.");

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
