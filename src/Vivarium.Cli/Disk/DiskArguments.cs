using System.CommandLine;
using System.Globalization;
using Vivarium.Storage;

namespace Vivarium.Cli;

/// <summary>What the commands of <c>vivarium disk</c> take in common.</summary>
internal static class DiskArguments
{
    public static Option<string?> FormatOption(string name = "--format", string what = "The image's format") =>
        new(name) { HelpName = "FORMAT", Description = $"{what}: raw, qcow2 or vhdx. Default: by the file's name." };

    public static Option<string> BackingOption() => new("--backing-files")
    {
        HelpName = "WHERE",
        Description = "Which backing files an image may name: none, folder (its own folder and below) or any.",
        DefaultValueFactory = _ => "folder",
    };

    /// <exception cref="UsageException">It is no format, or the name does not tell one.</exception>
    public static DiskFormat ParseFormat(string? text, string path) => text switch
    {
        "raw" => DiskFormat.Raw,
        "qcow2" => DiskFormat.Qcow2,
        "vhdx" => DiskFormat.Vhdx,
        not null => throw new UsageException($"'{text}' is no format of disk images; raw, qcow2 and vhdx are."),
        null when FindFormat(path) is var format and not DiskFormat.Unknown => format,
        null => throw new UsageException($"The name '{path}' does not tell the format; say it with --format raw, qcow2 or vhdx."),
    };

    /// <summary>By the file's name alone: what a raw disk begins with is its guest's to write.</summary>
    public static DiskFormat FindFormat(string path) => Path.GetExtension(path).ToUpperInvariant() switch
    {
        ".QCOW2" => DiskFormat.Qcow2,
        ".VHDX" => DiskFormat.Vhdx,
        ".RAW" or ".IMG" or ".ISO" => DiskFormat.Raw,
        _ => DiskFormat.Unknown,
    };

    /// <exception cref="UsageException">It is no policy.</exception>
    public static BackingPolicy ParseBacking(string text) => text switch
    {
        "none" => BackingPolicy.None,
        "folder" => BackingPolicy.SameFolder,
        "any" => BackingPolicy.Any,
        _ => throw new UsageException($"'{text}' does not say which backing files an image may name; none, folder and any do."),
    };

    /// <exception cref="UsageException">It is no size.</exception>
    public static long ParseSize(string text)
    {
        var shift = (text.Length > 1 ? char.ToUpperInvariant(text[^1]) : ' ') switch
        {
            'K' => 10,
            'M' => 20,
            'G' => 30,
            'T' => 40,
            _ => -1,
        };
        return shift >= 0 && long.TryParse(text[..^1], NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number > 0 && number <= long.MaxValue >> shift
            ? number << shift
            : throw new UsageException($"'{text}' is not the size of a disk; write it as 512M, 20G or 1T.");
    }

    public static string ShowSize(long bytes) => bytes switch
    {
        >= 1L << 40 => string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1L << 40):0.##} TiB ({bytes} bytes)"),
        >= 1L << 30 => string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1L << 30):0.##} GiB ({bytes} bytes)"),
        >= 1L << 20 => string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1L << 20):0.##} MiB ({bytes} bytes)"),
        >= 1L << 10 => string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1L << 10):0.##} KiB ({bytes} bytes)"),
        _ => $"{bytes} bytes",
    };

    public static string NameOf(DiskFormat format) => format switch
    {
        DiskFormat.Qcow2 => "qcow2",
        DiskFormat.Vhdx => "vhdx",
        _ => "raw",
    };

    /// <exception cref="UsageException">It is there.</exception>
    public static void MustNotExist(string path)
    {
        if (Path.Exists(path))
        {
            throw new UsageException($"'{path}' exists; delete it first or take another name.");
        }
    }
}
