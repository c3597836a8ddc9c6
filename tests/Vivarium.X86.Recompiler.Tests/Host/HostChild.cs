using System.ComponentModel;
using System.Diagnostics;
using Microsoft.Win32.SafeHandles;

namespace Vivarium.X86.Tests;

/// <summary>The child process: started when it is needed, killed when it takes too long, replaced when it is gone.</summary>
internal sealed class HostChild : IDisposable
{
    private const int ExitMilliseconds = 5_000;
    private readonly int _limitMilliseconds;
    private readonly HostArea _area;
    private readonly int _image;
    private readonly Timer _watch;
    private Process? _process;
    private long _runningSince;

    public HostChild(HostArea area, int limitMilliseconds)
    {
        _area = area;
        _limitMilliseconds = limitMilliseconds;
        _image = HostArea.CreateFile("vivarium-oracle-child", 0);
        using (var handle = new SafeFileHandle(_image, ownsHandle: false))
        using (var stream = new FileStream(handle, FileAccess.Write, 0))
        {
            stream.Write(HostChildImage.Create(area.File));
        }

        _watch = new Timer(_ => KillIfLate(), null, limitMilliseconds / 4, limitMilliseconds / 4);
    }

    /// <summary>How often a child was started.</summary>
    public int Starts { get; private set; }

    /// <summary>Has a child that waits in its handler.</summary>
    public void EnsureWaiting()
    {
        if (_process is not null)
        {
            return;
        }

        HostChildImage.Prepare(_area);
        Starts++;
        _process = Process.Start(new ProcessStartInfo($"/proc/self/fd/{_image}") { RedirectStandardInput = true, RedirectStandardOutput = true })
            ?? throw new Win32Exception("The child did not start.");
        if (Wait() is { } failure)
        {
            throw new InvalidOperationException($"The child did not come to its first signal: {failure}");
        }
    }

    /// <summary>Lets the child return from its signal, to its next one. Null, or how it ended instead.</summary>
    public string? Resume()
    {
        try
        {
            var stream = _process!.StandardInput.BaseStream;
            stream.WriteByte(0);
            stream.Flush();
        }
        catch (IOException)
        {
            // It is gone; Wait says how.
        }

        return Wait();
    }

    public void Dispose()
    {
        _watch.Dispose();
        Stop();
        _ = HostArea.Close(_image);
    }

    private string? Wait()
    {
        Volatile.Write(ref _runningSince, Environment.TickCount64);
        var answer = _process!.StandardOutput.BaseStream.ReadByte();
        var isLate = Interlocked.Exchange(ref _runningSince, 0) < 0;
        return answer >= 0 && !isLate ? null : isLate ? Stop("it ran for too long") : Stop("it died");
    }

    private void KillIfLate()
    {
        var since = Volatile.Read(ref _runningSince);
        if (since > 0 && Environment.TickCount64 - since > _limitMilliseconds && Interlocked.CompareExchange(ref _runningSince, -1, since) == since)
        {
            _process?.Kill();
        }
    }

    private string Stop(string why)
    {
        _process!.WaitForExit(ExitMilliseconds);
        var text = _process.HasExited ? $"{why}, exit code {_process.ExitCode}" : why;
        Stop();
        return text;
    }

    private void Stop()
    {
        if (_process is { } process)
        {
            _process = null;
            process.Kill();
            process.Dispose();
        }
    }
}
