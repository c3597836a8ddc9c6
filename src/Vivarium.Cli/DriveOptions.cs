using Vivarium.Storage;

namespace Vivarium.Cli;

/// <summary>How the guest sees a disk.</summary>
internal enum DriveInterface
{
    Virtio,
    Ahci,
    Nvme,

    /// <summary>A CD at an AHCI port.</summary>
    Cd,
}

/// <summary>One <c>--drive</c>: a file as a disk.</summary>
internal sealed record DriveOptions(string File, DiskFormat Format, bool IsReadOnly, bool HasOverlay, DriveInterface Interface = DriveInterface.Virtio)
{
    public const string Form = "FILE[,format=raw|qcow2|vhdx][,overlay=on][,readonly=on][,if=virtio|ahci|nvme]";

    /// <exception cref="UsageException">It is not of that form, or the format is neither said nor told by the name.</exception>
    public static DriveOptions Parse(string text)
    {
        var parts = text.Split(',');
        var drive = new DriveOptions(parts[0], DiskFormat.Unknown, IsReadOnly: false, HasOverlay: false);
        if (drive.File.Length == 0)
        {
            throw new UsageException($"--drive takes {Form}, not '{text}'.");
        }

        foreach (var part in parts[1..])
        {
            drive = part.Split('=', 2) switch
            {
                ["format", "raw"] => drive with { Format = DiskFormat.Raw },
                ["format", "qcow2"] => drive with { Format = DiskFormat.Qcow2 },
                ["format", "vhdx"] => drive with { Format = DiskFormat.Vhdx },
                ["overlay", "on" or "off"] => drive with { HasOverlay = part.EndsWith("on", StringComparison.Ordinal) },
                ["readonly", "on" or "off"] => drive with { IsReadOnly = part.EndsWith("on", StringComparison.Ordinal) },
                ["if", "virtio"] => drive with { Interface = DriveInterface.Virtio },
                ["if", "nvme"] => drive with { Interface = DriveInterface.Nvme },
                ["if", "ahci"] => drive with { Interface = DriveInterface.Ahci },
                _ => throw new UsageException($"--drive does not know '{part}'; it takes {Form}."),
            };
        }

        drive = drive.Format != DiskFormat.Unknown ? drive : drive with { Format = DiskArguments.FindFormat(drive.File) };
        return drive.Format != DiskFormat.Unknown
            ? drive
            : throw new UsageException($"--drive cannot tell the format of '{drive.File}' by its name; add format=raw, format=qcow2 or format=vhdx.");
    }

    /// <summary>One <c>--cdrom</c>: the image of a CD or DVD.</summary>
    public static DriveOptions Cd(string file) => new(file, DiskFormat.Raw, IsReadOnly: true, HasOverlay: false, DriveInterface.Cd);

    /// <summary>Opens the file, and puts an overlay over it if asked.</summary>
    /// <exception cref="UsageException">It cannot be used.</exception>
    public async ValueTask<IBlockBackend> OpenAsync()
    {
        try
        {
            var options = new DiskOptions { IsReadOnly = IsReadOnly || HasOverlay || Format == DiskFormat.Vhdx, Backing = BackingPolicy.SameFolder };
            var disk = await DiskImage.OpenAsync(File, Format, options).ConfigureAwait(false);
            return HasOverlay ? new OverlayDisk(disk, ownsBase: true) : disk;
        }
        catch (Exception exception) when (exception is DiskImageException or BlockIOException || InputFile.IsFileProblem(exception))
        {
            throw new UsageException($"--drive: {exception.Message}");
        }
    }
}
