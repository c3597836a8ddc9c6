using System.ComponentModel;
using System.Diagnostics;

namespace Vivarium.Measurements;

/// <summary>QEMU's tools for disk images, of Debian's package qemu-utils: another implementation that judges what ours wrote.</summary>
internal static class QemuTools
{
    /// <summary>Runs qemu-img, which must succeed. Returns what it printed.</summary>
    /// <exception cref="MeasurementException">It does not, or is not there.</exception>
    public static string Img(params string[] arguments)
    {
        var (code, text) = Run("qemu-img", arguments, "");
        return code == 0 ? text : throw new MeasurementException($"qemu-img {string.Join(' ', arguments)} ended with {code}: {text}");
    }

    /// <summary>What <c>qemu-img check</c> finds: errors, and clusters that nothing uses.</summary>
    public static (bool HasErrors, bool HasLeaks, string Text) Check(string path)
    {
        var (code, text) = Run("qemu-img", ["check", "-f", "qcow2", path], "");
        return (code is not (0 or 3), code == 3, text.Trim().Split('\n')[0]);
    }

    /// <summary>Whether two images read the same, and what <c>qemu-img compare</c> says.</summary>
    public static (bool IsSame, string Text) Compare(string path, string format, string rawPath)
    {
        var (code, text) = Run("qemu-img", ["compare", "-f", format, "-F", "raw", path, rawPath], "");
        return (code == 0, text.Trim().Split('\n')[^1]);
    }

    /// <summary>Runs commands of qemu-io one after the other.</summary>
    /// <exception cref="MeasurementException">One of them fails.</exception>
    public static void Io(string path, string format, IEnumerable<string> commands)
    {
        var (code, text) = Run("qemu-io", ["-f", format, "-d", "unmap", path], string.Join('\n', commands) + "\nq\n");
        if (code != 0 || text.Contains("failed", StringComparison.Ordinal))
        {
            throw new MeasurementException($"qemu-io failed on {path}: {text}");
        }
    }

    private static (int Code, string Text) Run(string tool, string[] arguments, string input)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(tool, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true })!;
            var output = process.StandardOutput.ReadToEndAsync();
            var errors = process.StandardError.ReadToEndAsync();
            process.StandardInput.Write(input);
            process.StandardInput.Close();
            process.WaitForExit();
            return (process.ExitCode, output.Result + errors.Result);
        }
        catch (Win32Exception exception)
        {
            throw new MeasurementException($"{tool} cannot be run, it is in Debian's package qemu-utils: {exception.Message}");
        }
    }
}
