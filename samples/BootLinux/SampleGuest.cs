using System.Diagnostics;
using System.Globalization;
using Spectre.Console;

namespace Vivarium.Samples.BootLinux;

/// <summary>The kernel and initramfs that <c>eng/get-guest.sh</c> makes.</summary>
internal sealed record SampleGuest(string Kernel, string Initrd)
{
    /// <summary>Runs the script, which returns at once if it has run before, and shows how far it is. Null: it failed and has said why.</summary>
    public static async Task<SampleGuest?> FetchAsync()
    {
        var root = FindRoot();
        var errors = "";
        var code = await AnsiConsole.Progress().StartAsync(async progress =>
        {
            var task = progress.AddTask("Getting the sample guest", maxValue: 5);
            using var script = Process.Start(new ProcessStartInfo("bash", [Path.Combine(root, "eng", "get-guest.sh"), "cloud"])
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            })!;
            var errorText = script.StandardError.ReadToEndAsync();
            while (await script.StandardOutput.ReadLineAsync() is { } line)
            {
                // "step 2/5 Downloading …"
                if (line.StartsWith("step ", StringComparison.Ordinal))
                {
                    task.Value = int.Parse(line.AsSpan(5, 1), CultureInfo.InvariantCulture);
                    task.Description = Markup.Escape(line[9..]);
                }
            }

            await script.WaitForExitAsync();
            errors = await errorText;
            return script.ExitCode;
        });
        if (code != 0)
        {
            await Console.Error.WriteLineAsync(errors);
            return null;
        }

        var target = Path.Combine(root, "artifacts", "guest", "cloud");
        return new SampleGuest(Path.Combine(target, "vmlinuz"), Path.Combine(target, "initrd.img"));
    }

    /// <summary>The repository: the folder above this program that holds eng/get-guest.sh.</summary>
    private static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "eng", "get-guest.sh")))
            {
                return folder.FullName;
            }
        }

        return Directory.GetCurrentDirectory();
    }
}
