using System.Buffers.Binary;

namespace Vivarium.Network.UserMode;

/// <content>What segments do (RFC 9293 §3.10.7).</content>
internal sealed partial class TcpConnection
{
    private const int MostEarlyRanges = 64;

    private readonly RangeSet _early = new(MostEarlyRanges);
    private uint _receiveNext;
    private uint _advertisedEdge;
    private uint _lastEarly;
    private uint _finSequence;
    private bool _finSeen;
    private bool _finReceived;
    private byte _peerScale;
    private bool _mayScale;
    private bool _mayUseSack;

    /// <summary>Takes a segment for this connection. <see cref="Output"/> follows when a batch of them has been taken.</summary>
    public void Input(in TcpHeader segment, long nowNs)
    {
        switch (State)
        {
            case TcpState.Closed:
                return;
            case TcpState.SynSent:
                InputSynSent(segment, nowNs);
                return;
            case TcpState.Held:
                if (segment.Has(TcpFlags.Reset) && segment.Sequence == _receiveNext)
                {
                    End(TcpFailure.Reset);
                }

                return;
        }

        if (State == TcpState.SynReceived && segment.Has(TcpFlags.Syn) && segment.Sequence == _receiveNext - 1)
        {
            // Our answer was lost.
            SendSyn(nowNs);
            return;
        }

        if (!IsAcceptable(segment))
        {
            if (!segment.Has(TcpFlags.Reset))
            {
                // The answer to a probe looks like this where both sides are idle.
                Heard(nowNs);
                Acknowledge();
                RestartTimeWait(segment, nowNs);
            }

            return;
        }

        if (segment.Has(TcpFlags.Reset))
        {
            // RFC 5961 §3.2: only the exact number ends a connection.
            if (segment.Sequence == _receiveNext)
            {
                // Where both have sent their end, only the last word is missing (RFC 9293 §3.10.7.4).
                End(State is TcpState.TimeWait or TcpState.LastAck or TcpState.Closing ? TcpFailure.None : TcpFailure.Reset);
            }
            else
            {
                Acknowledge();
            }

            return;
        }

        if (segment.Has(TcpFlags.Syn))
        {
            Acknowledge();
            return;
        }

        Heard(nowNs);
        if (segment.Has(TcpFlags.Ack) && TakeAcknowledgment(segment, nowNs))
        {
            TakeData(segment, nowNs);
        }
    }

    /// <summary>The peer lives: the time until it is asked begins again.</summary>
    private void Heard(long nowNs)
    {
        if (_keepAliveNs != long.MaxValue)
        {
            _keepAliveNs = nowNs + _settings.KeepAliveNs;
            if (_highest == _unacknowledged && _persistNs == long.MaxValue)
            {
                _retransmissions = 0;
                _rtt.EndBackoff();
            }
        }
    }

    private void InputSynSent(in TcpHeader segment, long nowNs)
    {
        if (segment.Has(TcpFlags.Ack) && segment.Acknowledgment != _highest)
        {
            if (!segment.Has(TcpFlags.Reset))
            {
                SendControl(segment.Acknowledgment, TcpFlags.Reset);
            }

            return;
        }

        if (segment.Has(TcpFlags.Reset))
        {
            if (segment.Has(TcpFlags.Ack))
            {
                End(TcpFailure.Refused);
            }

            return;
        }

        if (!segment.Has(TcpFlags.Syn))
        {
            return;
        }

        TakeSyn(segment);
        if (!segment.Has(TcpFlags.Ack))
        {
            // Both called at once (RFC 9293 §3.5, figure 7).
            State = TcpState.SynReceived;
            SendSyn(nowNs);
            return;
        }

        _unacknowledged = segment.Acknowledgment;
        Establish(segment, nowNs);
        OwesAcknowledgment = true;
    }

    private void TakeSyn(in TcpHeader syn)
    {
        _receiveNext = syn.Sequence + 1;
        _advertisedEdge = _receiveNext;
        _windowSequence = syn.Sequence;
        _sendWindow = syn.Window;
        _mss = Math.Min(_settings.MaxSegmentBytes, 536);
        var options = new TcpOptionReader(syn.Options);
        while (options.Next())
        {
            switch (options.Kind)
            {
                case TcpOptionReader.MaxSegment when options.Value.Length == 2:
                    _mss = Math.Clamp(options.ReadUInt16(), LeastPeerSegmentBytes, _settings.MaxSegmentBytes);
                    break;
                case TcpOptionReader.WindowScale when options.Value.Length == 1:
                    _mayScale = true;
                    _peerScale = Math.Min(options.Value[0], (byte)14);
                    break;
                case TcpOptionReader.SackPermitted when options.Value.Length == 0:
                    _mayUseSack = true;
                    break;
            }
        }

        _congestionWindow = Math.Min(10 * _mss, Math.Max(2 * _mss, 14_600));
    }

    private void Establish(in TcpHeader segment, long nowNs)
    {
        State = TcpState.Established;
        _keepAliveNs = nowNs + _settings.KeepAliveNs;
        _retransmitNs = long.MaxValue;
        _retransmissions = 0;
        _rtt.EndBackoff();
        TakeRtt(nowNs);
        _windowSequence = segment.Sequence;
        _windowAcknowledgment = segment.Acknowledgment;

        // The window of a SYN is never scaled (RFC 7323 §2.2).
        _sendWindow = segment.Has(TcpFlags.Syn) ? segment.Window : (uint)segment.Window << (_mayScale ? _peerScale : 0);
        Handler?.Changed(this);
    }

    private bool IsAcceptable(in TcpHeader segment)
    {
        var length = segment.SequenceLength;
        var window = (uint)Math.Max(0, _incoming.Room);
        var start = segment.Sequence;
        if (length == 0)
        {
            return window == 0 ? start == _receiveNext : Sequence.IsAtOrBefore(_receiveNext, start) && Sequence.IsBefore(start, _receiveNext + window);
        }

        // A probe of a closed window is not taken, but its acknowledgement counts: the peer may have nothing else to say.
        var end = start + (uint)length;
        return window == 0 ? start == _receiveNext : Sequence.IsBefore(_receiveNext, end) && Sequence.IsBefore(start, _receiveNext + window);
    }

    private void RestartTimeWait(in TcpHeader segment, long nowNs)
    {
        if (State == TcpState.TimeWait && segment.Has(TcpFlags.Fin))
        {
            _endNs = nowNs + _settings.TimeWaitNs;
        }
    }

    private void TakeData(in TcpHeader segment, long nowNs)
    {
        if (_finReceived || State is not (TcpState.Established or TcpState.FinWait1 or TcpState.FinWait2))
        {
            return;
        }

        var data = segment.Payload;
        var start = segment.Sequence;
        if (_readClosed && Sequence.IsBefore(_receiveNext, start + (uint)data.Length))
        {
            Abort();
            return;
        }

        if (segment.Has(TcpFlags.Fin) && !_finSeen)
        {
            _finSeen = true;
            _finSequence = start + (uint)data.Length;
        }

        if (!data.IsEmpty)
        {
            Store(start, data);
        }

        if (segment.SequenceLength > 0)
        {
            OwesAcknowledgment = true;
        }

        if (_finSeen && _receiveNext == _finSequence)
        {
            TakeFin(nowNs);
        }

        if (segment.SequenceLength > 0)
        {
            Handler?.Changed(this);
        }
    }

    /// <summary>Keeps what is new and fits: in its place if it comes early.</summary>
    private void Store(uint start, ReadOnlySpan<byte> data)
    {
        var ahead = (int)(start - _receiveNext);
        if (ahead < 0)
        {
            data = data[Math.Min(data.Length, -ahead)..];
            ahead = 0;
            start = _receiveNext;
        }

        data = data[..Math.Min(data.Length, Math.Max(0, _incoming.Room - ahead))];
        if (_finSeen)
        {
            // Bytes behind the peer's own end are none.
            data = data[..Math.Clamp((int)(_finSequence - start), 0, data.Length)];
        }

        if (data.IsEmpty)
        {
            return;
        }

        if (ahead > 0)
        {
            if (_early.Add(start, start + (uint)data.Length))
            {
                _incoming.Put(_incoming.Count + ahead, data);
                _lastEarly = start;
            }

            // Each gap is told at once: a peer without SACK counts these.
            Acknowledge();
            return;
        }

        _incoming.Append(data);
        _receiveNext += (uint)data.Length;
        if (_early.Count > 0)
        {
            if (Sequence.IsAtOrBefore(_early[0].Start, _receiveNext) && Sequence.IsBefore(_receiveNext, _early[0].End))
            {
                _incoming.Commit((int)(_early[0].End - _receiveNext));
                _receiveNext = _early[0].End;
            }

            _early.RemoveBefore(_receiveNext);
        }
    }

    private void TakeFin(long nowNs)
    {
        _finReceived = true;
        _receiveNext++;
        OwesAcknowledgment = true;
        switch (State)
        {
            case TcpState.Established:
                State = TcpState.CloseWait;
                break;
            case TcpState.FinWait1:
                // Our own FIN is not acknowledged yet, else the state would be another.
                State = TcpState.Closing;
                break;
            case TcpState.FinWait2:
                BeginTimeWait(nowNs);
                break;
        }
    }

    private void BeginTimeWait(long nowNs)
    {
        State = TcpState.TimeWait;
        _retransmitNs = _persistNs = long.MaxValue;
        _endNs = nowNs + _settings.TimeWaitNs;
    }

    private void TakeSackBlocks(in TcpHeader segment)
    {
        var options = new TcpOptionReader(segment.Options);
        while (options.Next())
        {
            if (options.Kind != TcpOptionReader.Sack)
            {
                continue;
            }

            for (var at = 0; at + 8 <= options.Value.Length; at += 8)
            {
                var start = BinaryPrimitives.ReadUInt32BigEndian(options.Value[at..]);
                var end = BinaryPrimitives.ReadUInt32BigEndian(options.Value[(at + 4)..]);
                if (Sequence.IsBefore(_unacknowledged, start) && Sequence.IsBefore(start, end) && Sequence.IsAtOrBefore(end, _highest))
                {
                    _sacked.Add(start, end);
                }
            }
        }
    }
}
