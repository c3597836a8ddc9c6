using System.Diagnostics;
using System.Text.Json;

namespace Vivarium.Storage.Tests;

/// <summary>QEMU's own tools as oracle: Debian's package qemu-utils. Without them the tests say so and are skipped.</summary>
internal static class Qemu
{
    public static void Require() =>
        Assert.SkipUnless(Find("qemu-img") && Find("qemu-io"), "qemu-img and qemu-io are not installed (package qemu-utils): this comparison is not made.");

    public static string Img(params string[] arguments)
    {
        var (code, output) = Run("qemu-img", arguments, input: "");
        Assert.True(code == 0, $"qemu-img {string.Join(' ', arguments)} ended with {code}: {output}");
        return output;
    }

    /// <summary>Neither corruptions nor, unless allowed, leaks.</summary>
    public static void AssertClean(string path, bool allowsLeaks = false)
    {
        var (code, output) = Run("qemu-img", ["check", "-f", "qcow2", path], input: "");
        Assert.True(code == 0 || (allowsLeaks && code == 3), $"qemu-img check ended with {code}: {output}");
    }

    /// <summary>The disk's content as QEMU sees it.</summary>
    public static byte[] ReadAll(string path, string format)
    {
        var raw = path + ".raw-copy";
        Img("convert", "-f", format, "-O", "raw", path, raw);
        var content = File.ReadAllBytes(raw);
        File.Delete(raw);
        return content;
    }

    /// <summary>Runs commands of qemu-io in one process.</summary>
    public static void Io(string path, string format, IEnumerable<string> commands)
    {
        var (code, output) = Run("qemu-io", ["-f", format, "-d", "unmap", path], string.Join('\n', commands) + "\nq\n");
        Assert.True(code == 0 && !output.Contains("failed", StringComparison.Ordinal), output);
    }

    public static JsonElement Info(string path, string format) => JsonDocument.Parse(Img("info", "--output=json", "-f", format, path)).RootElement;

    private static bool Find(string tool) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Any(folder => File.Exists(Path.Combine(folder, tool)));

    private static (int Code, string Output) Run(string tool, string[] arguments, string input)
    {
        var start = new ProcessStartInfo(tool) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        Array.ForEach(arguments, start.ArgumentList.Add);
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        process.StandardInput.Write(input);
        process.StandardInput.Close();
        process.WaitForExit();
        return (process.ExitCode, output.Result + errors.Result);
    }
}
