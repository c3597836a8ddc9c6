namespace Vivarium.Network;

/// <content>What a port can do beyond being a plain wire. A port that uses none of it pays one test for each.</content>
public sealed partial class SwitchPort
{
    private readonly Lock _featureGate = new();
    private volatile FramePacer? _ingress;
    private volatile FramePacer? _egress;
    private volatile Taps? _taps;

    /// <summary>How much the device may send; null for no limit. May be changed at any time: what waits goes on at the new rate.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A value of it is out of its range.</exception>
    public RateLimit? SendLimit
    {
        get => _ingress?.Limit;
        set => Ingress(value is not null)?.Limit = value;
    }

    /// <summary>How much may go to the device; null for no limit. May be changed at any time.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A value of it is out of its range.</exception>
    public RateLimit? ReceiveLimit
    {
        get => _egress?.Limit;
        set => Egress(value is not null)?.Limit = value;
    }

    /// <summary>What goes wrong with frames that the device sends; null for nothing. May be changed at any time.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A value of it is out of its range.</exception>
    public LinkFaults? SendFaults
    {
        get => _ingress?.Faults;
        set => Ingress(value is not null)?.Faults = value;
    }

    /// <summary>What goes wrong with frames for the device; null for nothing. May be changed at any time.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A value of it is out of its range.</exception>
    public LinkFaults? ReceiveFaults
    {
        get => _egress?.Faults;
        set => Egress(value is not null)?.Faults = value;
    }

    /// <summary>Sends a copy of all that passes this port to the device of another, until the result is disposed.</summary>
    public IDisposable MirrorTo(SwitchPort target)
    {
        ArgumentNullException.ThrowIfNull(target);
        if (target == this || target._owner != _owner)
        {
            throw new ArgumentException($"'{target.Name}' cannot mirror '{Name}': choose another port of the same switch.", nameof(target));
        }

        Change(taps => taps with { Mirrors = [.. taps.Mirrors, target] });
        return new Undo(() => Change(taps => taps with { Mirrors = [.. taps.Mirrors.Where(mirror => mirror != target)] }));
    }

    /// <summary>
    /// Writes all that passes this port to a stream as pcapng, until the result is disposed, which writes what is left; the stream stays open.
    /// A stream that cannot keep up loses frames, never holds any up; <see cref="FrameCapture.DroppedFrames"/> counts them.
    /// </summary>
    public FrameCapture Capture(Stream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        FrameCapture? capture = null;
        capture = new FrameCapture(
            new PcapngWriter(stream, Name), _owner.Clock, () => Change(taps => taps with { Captures = [.. taps.Captures.Where(other => other != capture)] }));
        Change(taps => taps with { Captures = [.. taps.Captures, capture] });
        return capture;
    }

    private FramePacer? Ingress(bool create)
    {
        lock (_featureGate)
        {
            return _ingress is not null || !create || _isRemoved ? _ingress : _ingress = new FramePacer(_owner.Clock, Counters, Output);
        }

        void Output(EthernetFrame frame) => _owner.Forward(this, new ReadOnlySpan<EthernetFrame>(in frame));
    }

    private FramePacer? Egress(bool create)
    {
        lock (_featureGate)
        {
            return _egress is not null || !create || _isRemoved ? _egress : _egress = new FramePacer(_owner.Clock, Counters, Output);
        }

        void Output(EthernetFrame frame) => Emit(new ReadOnlySpan<EthernetFrame>(in frame));
    }

    private void DisposePacers()
    {
        lock (_featureGate)
        {
            _ingress?.Dispose();
            _egress?.Dispose();
        }
    }

    private void Change(Func<Taps, Taps> change)
    {
        lock (_featureGate)
        {
            var taps = change(_taps ?? new Taps([], []));
            _taps = taps.Mirrors.Length + taps.Captures.Length == 0 ? null : taps;
        }
    }

    private static void Tap(Taps taps, ReadOnlySpan<EthernetFrame> frames, CaptureDirection direction)
    {
        foreach (var capture in taps.Captures)
        {
            capture.Add(frames, direction);
        }

        foreach (var mirror in taps.Mirrors)
        {
            mirror.DeliverMirrored(frames);
        }
    }

    /// <summary>Delivers copies, past what would mirror them again.</summary>
    private void DeliverMirrored(ReadOnlySpan<EthernetFrame> frames)
    {
        if (!_isUp || _isRemoved)
        {
            return;
        }

        foreach (var frame in frames)
        {
            // A copy, as the device that sent the frame may yet have it changed on its way: tags come and go in place.
            var copy = frame.Copy();
            Counters.Sent(1, copy.Length);
            foreach (var capture in _taps?.Captures ?? [])
            {
                capture.Add(new ReadOnlySpan<EthernetFrame>(in copy), CaptureDirection.ToDevice);
            }

            if (_egress is { } pacer)
            {
                pacer.Submit(new ReadOnlySpan<EthernetFrame>(in copy));
            }
            else
            {
                Emit(new ReadOnlySpan<EthernetFrame>(in copy));
            }
        }
    }

    private sealed record Taps(SwitchPort[] Mirrors, FrameCapture[] Captures);

    private sealed class Undo(Action action) : IDisposable
    {
        private Action? _action = action;

        public void Dispose() => Interlocked.Exchange(ref _action, null)?.Invoke();
    }
}
