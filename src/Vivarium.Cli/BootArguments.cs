namespace Vivarium.Cli;

/// <summary><c>--boot</c> and <c>--bios</c>: the firmware's ROM, and what it is told.</summary>
internal sealed record BootArguments(string? File, FirmwareOptions Options)
{
    public const string Form = "bios[,order=LETTERS][,menu=on]";

    /// <summary>Where distributions put SeaBIOS, the package <c>seabios</c> of Debian first. The tool ships no firmware.</summary>
    private static readonly string[] s_places =
    [
        "/usr/share/seabios/bios-256k.bin",
        "/usr/share/qemu/bios-256k.bin",
        "/usr/local/share/qemu/bios-256k.bin",
    ];

    /// <param name="boot">The value of <c>--boot</c>.</param>
    /// <param name="file">The value of <c>--bios</c>.</param>
    /// <returns>Null if neither is given.</returns>
    /// <exception cref="UsageException">It is not of that form.</exception>
    public static BootArguments? Parse(string? boot, string? file)
    {
        if (boot is null)
        {
            return file is null ? null : new BootArguments(file, new FirmwareOptions());
        }

        var parts = boot.Split(',');
        if (parts[0] != "bios")
        {
            throw new UsageException($"--boot takes {Form}, not '{boot}'.");
        }

        var options = new FirmwareOptions();
        foreach (var part in parts[1..])
        {
            options = part.Split('=', 2) switch
            {
                ["order", { Length: > 0 and <= 3 } letters] => options with { BootOrder = [.. letters.Select(ParseDevice)] },
                ["menu", "on" or "off"] => options with { HasBootMenu = part.EndsWith("on", StringComparison.Ordinal) },
                _ => throw new UsageException($"--boot does not know '{part}'; it takes {Form}, with the letters c for disks, d for CDs and n for the network."),
            };
        }

        return new BootArguments(file, options);
    }

    /// <summary>Reads the ROM.</summary>
    /// <param name="exists">Whether a file exists.</param>
    /// <exception cref="UsageException">There is none.</exception>
    public RomLoader CreateLoader(Func<string, bool>? exists = null)
    {
        var file = File ?? Array.Find(s_places, place => (exists ?? System.IO.File.Exists)(place)) ?? throw new UsageException(
            "There is no SeaBIOS on this host: install it with 'apt-get install seabios', or give another ROM with --bios FILE.");
        try
        {
            return new RomLoader(InputFile.Read(file));
        }
        catch (GuestImageException exception)
        {
            throw new UsageException($"'{file}' is no firmware: {exception.Message}");
        }
    }

    private static BootDevice ParseDevice(char letter) => letter switch
    {
        'a' => BootDevice.Floppy,
        'c' => BootDevice.Disk,
        'd' => BootDevice.Cd,
        'n' => BootDevice.Network,
        _ => throw new UsageException($"--boot has no order '{letter}'; the letters are c for disks, d for CDs and n for the network."),
    };
}
