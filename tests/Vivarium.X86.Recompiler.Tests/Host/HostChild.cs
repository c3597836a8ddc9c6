using System.ComponentModel;
using System.Diagnostics;
using System.IO.Pipes;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Vivarium.X86.Tests;

/// <summary>The child process: started when it is needed, killed when it takes too long, replaced when it is gone.</summary>
internal sealed unsafe class HostChild : IDisposable
{
    private const int Interrupted = 4;
    private const int ExitMilliseconds = 5_000;
    private readonly int _limitMilliseconds;
    private readonly HostArea _area;
    private readonly int _image;
    private readonly Timer _watch;
    private Process? _process;
    private int _requests;
    private int _answers;
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
        _requests = DescriptorOf(_process.StandardInput.BaseStream);
        _answers = DescriptorOf(_process.StandardOutput.BaseStream);
        if (Wait() is { } failure)
        {
            throw new InvalidOperationException($"The child did not come to its first signal: {failure}");
        }
    }

    /// <summary>Lets the child return from its signal, to its next one. Null, or how it ended instead.</summary>
    public string? Resume()
    {
        // If it is gone, Wait says how.
        var request = (byte)0;
        while (WriteTo(_requests, &request, 1) < 0 && Marshal.GetLastPInvokeError() == Interrupted)
        {
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
        byte token;
        nint answer;
        while ((answer = ReadFrom(_answers, &token, 1)) < 0 && Marshal.GetLastPInvokeError() == Interrupted)
        {
        }

        var isLate = Interlocked.Exchange(ref _runningSince, 0) < 0;
        return answer == 1 && !isLate ? null : isLate ? Stop("it ran for too long") : Stop("it died");
    }

    /// <summary>The pipe's own number: a stream would take longer for a byte than the child for a case.</summary>
    private static int DescriptorOf(Stream stream) => (int)((PipeStream)stream).SafePipeHandle.DangerousGetHandle();

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

    [DllImport("libc", EntryPoint = "read", SetLastError = true)]
    private static extern nint ReadFrom(int file, byte* buffer, nint length);

    [DllImport("libc", EntryPoint = "write", SetLastError = true)]
    private static extern nint WriteTo(int file, byte* buffer, nint length);
}
