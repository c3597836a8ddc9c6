namespace Vivarium.Network.UserMode;

/// <summary>
/// One end of a TCP connection (RFC 9293) without I/O: segments, time and the user's calls go in, segments go out at an <see cref="ITcpLink"/>.
/// Options: maximum segment size, window scale (RFC 7323), selective acknowledgement (RFC 2018). Congestion control: NewReno (RFC 5681, RFC 6582),
/// with SACK as in RFC 6675. Not thread-safe: its owner's lock guards it.
/// </summary>
internal sealed partial class TcpConnection
{
    private const int LeastPeerSegmentBytes = 88;

    private readonly ITcpLink _link;
    private readonly TcpSettings _settings;
    private readonly ByteRing _incoming;
    private readonly ByteRing _outgoing;
    private readonly byte _ourScale;
    private bool _readClosed;
    private bool _userGone;

    public TcpConnection(ConnectionKey key, ITcpLink link, TcpSettings settings, uint initialSequence)
    {
        Key = key;
        _link = link;
        _settings = settings;
        _incoming = new ByteRing(settings.ReceiveBytes);
        _outgoing = new ByteRing(settings.SendBytes);
        _unacknowledged = _next = _highest = initialSequence;
        _mss = settings.MaxSegmentBytes;
        while (settings.ReceiveBytes >> _ourScale > ushort.MaxValue)
        {
            _ourScale++;
        }
    }

    public ConnectionKey Key { get; }

    public TcpState State { get; private set; }

    /// <summary>Why it ended, if not by both sides' wish.</summary>
    public TcpFailure Failure { get; private set; }

    public ITcpHandler? Handler { get; set; }

    /// <summary>For the owner's queue of deadlines.</summary>
    public long ScheduledNs { get; set; } = long.MaxValue;

    /// <summary>Whether an acknowledgement waits for <see cref="Output"/>.</summary>
    public bool OwesAcknowledgment { get; private set; }

    /// <summary>For the owner's bookkeeping: whether it no longer counts as half open.</summary>
    public bool IsCountedOpen { get; set; }

    /// <summary>For the owner's bookkeeping: who made the connection.</summary>
    public ulong Guest { get; set; }

    public bool IsEstablished => State is TcpState.Established or TcpState.FinWait1 or TcpState.FinWait2 or TcpState.CloseWait or TcpState.Closing or TcpState.LastAck or TcpState.TimeWait;

    public bool IsHalfOpen => State is TcpState.Held or TcpState.SynReceived;

    public int ReadableBytes => _incoming.Count;

    /// <summary>Whether the peer has sent all it will, and all has been read.</summary>
    public bool IsAtEnd => _incoming.Count == 0 && (_finReceived ? Failure != TcpFailure.Aborted : State == TcpState.Closed && Failure == TcpFailure.None);

    public int WritableBytes => CanWrite ? _outgoing.Room : 0;

    /// <summary>Whether bytes can still be written, now or later.</summary>
    public bool CanWrite => !_finQueued && (State is TcpState.SynSent or TcpState.Held or TcpState.SynReceived or TcpState.Established or TcpState.CloseWait);

    /// <summary>Bytes written that the peer has not acknowledged.</summary>
    public int UnacknowledgedBytes => _outgoing.Count;

    /// <summary>The first sequence number that the peer has not acknowledged.</summary>
    public uint Unacknowledged => _unacknowledged;

    /// <summary>The sequence number that the peer sends next.</summary>
    public uint ReceiveNext => _receiveNext;

    /// <summary>When <see cref="OnTime"/> wants to be called; <see cref="long.MaxValue"/> for never.</summary>
    public long NextDeadlineNs => Math.Min(Math.Min(_retransmitNs, _keepAliveNs), Math.Min(_persistNs, _endNs));

    /// <summary>Begins a connection.</summary>
    public void Connect(long nowNs)
    {
        State = TcpState.SynSent;
        SendSyn(nowNs);
    }

    /// <summary>Takes a peer's SYN and holds it until <see cref="Answer"/> or <see cref="Abort"/>.</summary>
    public void Hold(in TcpHeader syn)
    {
        State = TcpState.Held;
        TakeSyn(syn);
    }

    /// <summary>Answers a held SYN.</summary>
    public void Answer(long nowNs)
    {
        if (State == TcpState.Held)
        {
            State = TcpState.SynReceived;
            SendSyn(nowNs);
        }
    }

    /// <summary>Reads what has come, in order. 0 if nothing is there.</summary>
    public int Read(Span<byte> destination, long nowNs)
    {
        var count = Math.Min(destination.Length, _incoming.Count);
        if (count == 0)
        {
            return 0;
        }

        _incoming.CopyTo(0, destination[..count]);
        _incoming.Discard(count);

        // RFC 9293 §3.8.6.2.2: the window moves in steps worth a segment of its own.
        var step = Math.Min(_settings.ReceiveBytes / 2, 4 * _settings.MaxSegmentBytes);
        if ((State is TcpState.Established or TcpState.FinWait1 or TcpState.FinWait2) && (int)(_receiveNext + (uint)_incoming.Room - _advertisedEdge) >= step)
        {
            OwesAcknowledgment = true;
            Output(nowNs);
        }

        return count;
    }

    /// <summary>Takes as much as there is room for; returns how much.</summary>
    public int Write(ReadOnlySpan<byte> data, long nowNs)
    {
        if (!CanWrite)
        {
            return 0;
        }

        var count = _outgoing.Append(data);
        Output(nowNs);
        return count;
    }

    /// <summary>Nothing more will be written: a FIN follows what has been.</summary>
    public void CloseWrite(long nowNs)
    {
        if (State == TcpState.Closed || _finQueued)
        {
            return;
        }

        if (State is TcpState.SynSent or TcpState.Held)
        {
            Abort();
            return;
        }

        _finQueued = true;
        Output(nowNs);
    }

    /// <summary>The user is gone: what it wrote still arrives, and what the peer sends from now on is refused (RFC 2525 §2.17).</summary>
    public void Close(long nowNs)
    {
        if (_userGone)
        {
            return;
        }

        _userGone = true;
        Handler = null;
        if (_incoming.Count > 0)
        {
            Abort();
            return;
        }

        _readClosed = true;
        CloseWrite(nowNs);
        if (State != TcpState.Closed && State != TcpState.TimeWait)
        {
            _endNs = nowNs + _settings.OrphanNs;
        }
    }

    /// <summary>Ends the connection at once, and tells the peer.</summary>
    public void Abort()
    {
        if (State is not (TcpState.Closed or TcpState.SynSent or TcpState.TimeWait))
        {
            SendControl(_highest, TcpFlags.Reset | TcpFlags.Ack);
        }

        End(TcpFailure.Aborted);
    }

    /// <summary>Ends the connection without a word to the peer.</summary>
    public void Vanish(TcpFailure failure) => End(failure);

    private void End(TcpFailure failure)
    {
        if (State == TcpState.Closed)
        {
            return;
        }

        State = TcpState.Closed;
        Failure = failure;
        _retransmitNs = _persistNs = _endNs = _keepAliveNs = long.MaxValue;
        OwesAcknowledgment = false;
        _outgoing.Clear();
        _early.Clear();
        if (failure == TcpFailure.Aborted)
        {
            // Whatever else ended it, what the peer sent before is still there to be read.
            _incoming.Clear();
        }

        Handler?.Changed(this);
    }
}
