using System.Diagnostics;
using System.Net;
using System.Text;

namespace Vivarium.Debugging.Tests;

/// <summary>The real gdb, and binutils to make a guest for it. Debian: packages gdb and binutils.</summary>
internal sealed class GdbTool : IDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(90);
    private readonly string _folder = Directory.CreateTempSubdirectory("vivarium-gdb").FullName;

    private GdbTool()
    {
    }

    /// <summary>The guest with its symbols.</summary>
    public string Symbols => Path.Combine(_folder, "guest.elf");

    /// <summary>The guest's bytes, for <see cref="TestGuest.Start"/>.</summary>
    public byte[] Image => File.ReadAllBytes(Path.Combine(_folder, "guest.bin"));

    /// <summary>Builds a guest from Guest/<paramref name="source"/>; skips the test where the tools are not there.</summary>
    public static async Task<GdbTool> BuildGuestAsync(string source)
    {
        foreach (var tool in (string[])["gdb", "as", "ld", "objcopy"])
        {
            if (!Exists(tool))
            {
                Assert.Skip($"{tool} is not here: install the packages gdb and binutils, and this test debugs a guest with the real gdb.");
            }
        }

        var made = new GdbTool();
        var code = Path.Combine(AppContext.BaseDirectory, "Guest", source);
        await made.RunAsync("as", "-g", "-o", "guest.o", code);
        await made.RunAsync("ld", FormattableString.Invariant($"-Ttext=0x{TestGuest.Start:x}"), "-o", "guest.elf", "guest.o");
        await made.RunAsync("objcopy", "-O", "binary", "guest.elf", "guest.bin");
        return made;
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    /// <summary>Connects gdb, runs commands and returns all that it printed.</summary>
    public Task<string> DebugAsync(IPEndPoint server, params string[] commands) => DebugAsync(Symbols, server, commands);

    /// <summary>The same, of what there are no symbols for.</summary>
    public Task<string> DebugBareAsync(IPEndPoint server, params string[] commands) => DebugAsync("", server, commands);

    private Task<string> DebugAsync(string symbols, IPEndPoint server, string[] commands)
    {
        string[] all = ["set pagination off", "set confirm off", "set width 0", "set tcp connect-timeout 20", $"target remote {server}", .. commands];
        return RunAsync("gdb", ["-nx", "-batch", "-q", .. symbols.Length == 0 ? [] : (string[])[symbols], .. all.SelectMany(command => (string[])["-ex", command])]);
    }

    private static bool Exists(string tool) =>
        Environment.GetEnvironmentVariable("PATH")!.Split(Path.PathSeparator).Any(folder => File.Exists(Path.Combine(folder, tool)));

    private async Task<string> RunAsync(string tool, params string[] arguments)
    {
        var start = new ProcessStartInfo(tool, arguments) { WorkingDirectory = _folder, RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        start.Environment["LC_ALL"] = "C";
        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        using var limit = new CancellationTokenSource(s_patience);
        var text = new StringBuilder();
        void Note(object sender, DataReceivedEventArgs line)
        {
            lock (text)
            {
                text.AppendLine(line.Data);
            }
        }

        process.OutputDataReceived += Note;
        process.ErrorDataReceived += Note;
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        try
        {
            await process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill();
            throw new TimeoutException($"{tool} did not come to its end:\n{text}");
        }

        Assert.True(process.ExitCode == 0, $"{tool} failed:\n{text}");
        return text.ToString();
    }
}
