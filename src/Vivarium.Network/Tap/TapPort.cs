using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Vivarium.Network;

/// <summary>
/// A port whose device is a TAP interface of a Linux host: what the switch sends there, the host's network receives. Checksums and large segments
/// go through undone both ways. The one port that needs a right of the host: its user must own the interface, or hold CAP_NET_ADMIN. Any thread.
/// </summary>
[SupportedOSPlatform("linux")]
public sealed class TapPort : IDisposable
{
    private const int Batch = 32;
    private const int FramesPerTurn = 256;

    private readonly SafeFileHandle _device;
    private readonly SafeFileHandle _wake;
    private readonly FrameQueue _queue;
    private readonly FramePool _pool;
    private readonly Thread _thread;
    private readonly EthernetFrame[] _frames = new EthernetFrame[Batch];
    private readonly byte[] _buffer = new byte[TapHeader.Bytes + EthernetFrame.MaxLengthBytes];
    private volatile bool _stopping;
    private int _disposed;
    private long _dropped;

    /// <summary>Opens a TAP interface, and makes it where it is not there and the process may; what it made goes with it.</summary>
    /// <param name="network">The switch.</param>
    /// <param name="name">The interface's, 1 to 15 letters, digits and signs.</param>
    /// <param name="options">The port's; null for the defaults.</param>
    /// <exception cref="ArgumentException">The name can be none of an interface, or an option is out of its range.</exception>
    /// <exception cref="IOException">The host does not give it; the message says why, and what to do.</exception>
    public TapPort(VirtualSwitch network, string name, SwitchPortOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(network);
        ArgumentException.ThrowIfNullOrEmpty(name);
        if (name.Length >= TapNative.InterfaceNameBytes || name is "." or ".." || name.Any(static letter => letter is <= ' ' or > '~' or '/' or ':' or '%'))
        {
            throw new ArgumentException($"'{name}' is no name for an interface: use 1 to 15 letters and digits, without spaces, '/', ':' and '%'.", nameof(name));
        }

        _pool = network.Pool;
        _device = TapNative.Open();
        try
        {
            if (_device.IsInvalid || !TapNative.TryAttach(_device, Encoding.ASCII.GetBytes(name)))
            {
                throw new IOException(Explain(name, _device.IsInvalid, Marshal.GetLastPInvokeError()));
            }

            _queue = new FrameQueue(Wake, maxFrames: 4_096, maxBytes: 16L << 20) { Capabilities = TapNative.AgreeOffloads(_device) };
            _wake = TapNative.CreateEvent();
            Port = network.AddPort(_queue, options);
        }
        catch
        {
            _wake?.Dispose();
            _device.Dispose();
            throw;
        }

        _thread = new Thread(Serve) { Name = $"Vivarium TAP {name}", IsBackground = true };
        _thread.Start();
    }

    /// <summary>The port on the switch. Its link goes down for good if somebody deletes the interface.</summary>
    public SwitchPort Port { get; }

    /// <summary>Frames that the interface did not take, as it is down or full, and those that waited in too great number.</summary>
    public long DroppedFrames => Interlocked.Read(ref _dropped) + _queue.DroppedFrames;

    /// <summary>Takes the port off its switch and closes the interface.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        Port.Dispose();
        _stopping = true;
        Wake();
        _thread.Join();
        _queue.Close();
        _device.Dispose();
        _wake.Dispose();
    }

    private static string Explain(string name, bool isDevice, int error) => error switch
    {
        TapNative.NotThere when isDevice => "This host has no TAP devices: /dev/net/tun is missing. Load the kernel's module 'tun', or give the container that device.",
        TapNative.NoAccess when isDevice => "This process may not open /dev/net/tun: give its user the right to read and write it.",
        TapNative.NotPermitted => $"This process may not use the interface '{name}': make one for its user with 'ip tuntap add mode tap name {name} user NAME', or give it CAP_NET_ADMIN.",
        TapNative.Busy => $"The interface '{name}' is in use by another process: end that, or choose another name.",
        TapNative.Invalid => $"The interface '{name}' is there and is no TAP interface of one queue: choose another name.",
        _ => $"The interface '{name}' cannot be had: {Marshal.GetPInvokeErrorMessage(error)}.",
    };

    private void Wake()
    {
        ReadOnlySpan<byte> one = [1, 0, 0, 0, 0, 0, 0, 0];
        TapNative.TryWrite(_wake, one);
    }

    private void Serve()
    {
        Span<byte> count = stackalloc byte[8];
        while (!_stopping)
        {
            if (!TapNative.Wait(_device, _wake))
            {
                // The interface was deleted: nothing can come of it any more.
                Port.IsLinkUp = false;
                return;
            }

            TapNative.Read(_wake, count);
            Receive();
            Send();
        }
    }

    /// <summary>From the host to the switch. A flood from there does not keep the other way waiting.</summary>
    private void Receive()
    {
        var filled = 0;
        for (var i = 0; i < FramesPerTurn; i++)
        {
            var length = TapNative.Read(_device, _buffer) - TapHeader.Bytes;
            if (length < 0)
            {
                break;
            }

            var frame = _pool.Rent(length);
            _buffer.AsSpan(TapHeader.Bytes, length).CopyTo(frame.Span);
            frame.Offload = TapHeader.Read(_buffer);
            _frames[filled++] = frame;
            if (filled == Batch)
            {
                Port.Send(_frames);
                filled = 0;
            }
        }

        Port.Send(_frames.AsSpan(0, filled));
        _frames.AsSpan().Clear();
    }

    /// <summary>From the switch to the host.</summary>
    private void Send()
    {
        int count;
        do
        {
            count = _queue.Receive(_frames);
            foreach (var frame in _frames.AsSpan(0, count))
            {
                TapHeader.Write(_buffer, frame.Offload);
                frame.Data.CopyTo(_buffer.AsSpan(TapHeader.Bytes));
                if (!TapNative.TryWrite(_device, _buffer.AsSpan(0, TapHeader.Bytes + frame.Length)))
                {
                    Interlocked.Increment(ref _dropped);
                }

                frame.Release();
            }

            _frames.AsSpan(0, count).Clear();
        }
        while (count == Batch && !_stopping);
    }
}
