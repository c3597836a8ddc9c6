using System.Diagnostics;

namespace Vivarium.Measurements;

/// <summary>The tool as a process of its own, with the guest of eng/check-virtio.sh at its shell.</summary>
internal sealed class ToolGuest : IAsyncDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(90);
    private readonly Process _process;

    private ToolGuest(Process process)
    {
        _process = process;
        Text = new GuestText(process.StandardOutput.BaseStream, process.StandardInput.BaseStream);
    }

    public GuestText Text { get; }

    /// <param name="storage">The tool.</param>
    /// <param name="drive">What follows <c>--drive</c>.</param>
    /// <param name="prefix">A program, with arguments, that runs the tool; none if empty.</param>
    /// <exception cref="MeasurementException">The guest does not come to its shell.</exception>
    public static async Task<ToolGuest> StartAsync(StorageOptions storage, string drive, params string[] prefix)
    {
        string[] words =
        [
            .. prefix, storage.Vivarium, "run", "--memory", "512M", "--kernel", Path.Combine(Repository.GuestFolder("kernel-generic"), "vmlinuz"),
            "--initrd", Repository.GuestFolder("devices.img"), "--append", "console=ttyS0 panic=-1 quiet", "--drive", drive,
        ];
        var guest = new ToolGuest(Process.Start(new ProcessStartInfo(words[0], words[1..]) { RedirectStandardInput = true, RedirectStandardOutput = true })!);
        await guest.Text.WaitForAsync("Vivarium guest ready", s_patience);
        await guest.Text.WaitForAsync(LinuxGuest.Prompt, s_patience);
        return guest;
    }

    /// <summary>Runs a command and returns what it printed.</summary>
    public Task<string> RunAsync(string command) => Text.RunAsync(command, s_patience);

    /// <summary>Ends the process as SIGKILL does: nothing of it runs any more.</summary>
    public async Task KillAsync()
    {
        _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync();
    }

    /// <summary>Waits until the guest has powered off and the process ended.</summary>
    /// <exception cref="MeasurementException">It does not end, or not well.</exception>
    public async Task WaitForEndAsync()
    {
        using var timeout = new CancellationTokenSource(s_patience);
        try
        {
            await _process.WaitForExitAsync(timeout.Token);
        }
        catch (OperationCanceledException)
        {
            throw new MeasurementException("The tool did not end when its guest powered off.");
        }

        if (_process.ExitCode != 0)
        {
            throw new MeasurementException($"The tool ended with {_process.ExitCode}.");
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            await KillAsync();
        }

        _process.Dispose();
    }
}
