namespace Vivarium.Network.UserMode;

/// <content>Acknowledgements, loss and time.</content>
internal sealed partial class TcpConnection
{
    private const int MostSackedRanges = 256;
    private const int MostWindowBytes = 64 << 20;

    private readonly RangeSet _sacked = new(MostSackedRanges);
    private RttEstimator _rtt;
    private uint _unacknowledged;
    private uint _next;
    private uint _highest;
    private uint _sendWindow;
    private uint _windowSequence;
    private uint _windowAcknowledgment;
    private uint _recoveryEnd;
    private uint _resent;
    private uint _timedSequence;
    private long _timedNs;
    private long _retransmitNs = long.MaxValue;
    private long _persistNs = long.MaxValue;
    private long _endNs = long.MaxValue;
    private long _keepAliveNs = long.MaxValue;
    private int _mss;
    private int _congestionWindow;
    private int _slowStartThreshold = int.MaxValue;
    private int _duplicates;
    private int _retransmissions;
    private bool _isRecovering;
    private bool _hasRecoveryEnd;
    private bool _isTiming;
    private bool _mustResendFirst;

    /// <summary>Does what is due.</summary>
    public void OnTime(long nowNs)
    {
        if (nowNs >= _endNs)
        {
            var isOver = State == TcpState.TimeWait;
            if (!isOver)
            {
                SendControl(_highest, TcpFlags.Reset | TcpFlags.Ack);
            }

            End(isOver ? TcpFailure.None : TcpFailure.TimedOut);
            return;
        }

        if (nowNs >= _retransmitNs)
        {
            Retransmit(nowNs);
        }
        else if (nowNs >= _persistNs)
        {
            _persistNs = long.MaxValue;
            if (Probe())
            {
                _persistNs = nowNs + _rtt.TimeoutNs;
            }
        }
        else if (nowNs >= _keepAliveNs && IsEstablished && _highest == _unacknowledged && Probe())
        {
            _keepAliveNs = nowNs + _rtt.TimeoutNs;
        }
        else if (nowNs >= _keepAliveNs)
        {
            _keepAliveNs = nowNs + _settings.KeepAliveNs;
        }
    }

    /// <summary>Takes the acknowledgement of a segment. False if the segment goes no further.</summary>
    private bool TakeAcknowledgment(in TcpHeader segment, long nowNs)
    {
        var acknowledged = segment.Acknowledgment;
        if (State == TcpState.SynReceived)
        {
            if (acknowledged != _highest)
            {
                SendControl(acknowledged, TcpFlags.Reset);
                return false;
            }

            _unacknowledged = acknowledged;
            Establish(segment, nowNs);
            Output(nowNs);
            return true;
        }

        if (Sequence.IsBefore(_highest, acknowledged))
        {
            Acknowledge();
            return false;
        }

        if (Sequence.IsBefore(acknowledged, _unacknowledged))
        {
            // Old, but its data may be new.
            return true;
        }

        if (_mayUseSack)
        {
            TakeSackBlocks(segment);
        }

        var isWindowSame = true;
        if (Sequence.IsBefore(_windowSequence, segment.Sequence)
            || (_windowSequence == segment.Sequence && Sequence.IsAtOrBefore(_windowAcknowledgment, acknowledged)))
        {
            var window = (uint)segment.Window << (_mayScale ? _peerScale : 0);
            isWindowSame = window == _sendWindow;
            _sendWindow = window;
            _windowSequence = segment.Sequence;
            _windowAcknowledgment = acknowledged;
            if (window > 0 && _persistNs != long.MaxValue)
            {
                _persistNs = long.MaxValue;
                _retransmissions = 0;
                _rtt.EndBackoff();
            }
            else if (window == 0)
            {
                // It is there, only full.
                _retransmissions = 0;
            }
        }

        if (acknowledged == _unacknowledged)
        {
            if (_highest != _unacknowledged && segment.SequenceLength == 0 && isWindowSame)
            {
                TakeDuplicate();
            }
        }
        else
        {
            Advance(acknowledged, nowNs);
        }

        return State != TcpState.Closed;
    }

    private void Advance(uint acknowledged, long nowNs)
    {
        var isFinAcknowledged = _finQueued && acknowledged == DataEnd + 1;
        var count = (int)(acknowledged - _unacknowledged) - (isFinAcknowledged ? 1 : 0);
        _outgoing.Discard(count);
        _unacknowledged = acknowledged;
        _next = Sequence.Later(_next, acknowledged);
        _sacked.RemoveBefore(acknowledged);
        _duplicates = 0;
        _retransmissions = 0;
        _rtt.EndBackoff();
        if (_isTiming && Sequence.IsAtOrBefore(_timedSequence, acknowledged))
        {
            TakeRtt(nowNs);
        }

        if (_isRecovering)
        {
            if (Sequence.IsBefore(acknowledged, _recoveryEnd))
            {
                _resent = Sequence.Later(_resent, acknowledged);
                if (_sacked.Count == 0)
                {
                    // NewReno: the next gap begins here (RFC 6582 §3.2).
                    _congestionWindow = Math.Max(_mss, _congestionWindow - count + _mss);
                    ResendFirst(nowNs);
                }
            }
            else
            {
                _isRecovering = _mustResendFirst = false;
                _congestionWindow = Math.Max(_slowStartThreshold, 2 * _mss);
            }
        }
        else
        {
            var growth = _congestionWindow < _slowStartThreshold ? count : (int)Math.Max(1, (long)_mss * count / _congestionWindow);
            _congestionWindow = Math.Min(MostWindowBytes, _congestionWindow + growth);
        }

        _hasRecoveryEnd &= Sequence.IsBefore(acknowledged, _recoveryEnd);
        _retransmitNs = _highest == _unacknowledged ? long.MaxValue : nowNs + _rtt.TimeoutNs;
        if (isFinAcknowledged)
        {
            TakeFinAcknowledgment(nowNs);
        }

        Handler?.Changed(this);
    }

    private void TakeFinAcknowledgment(long nowNs)
    {
        switch (State)
        {
            case TcpState.FinWait1:
                State = TcpState.FinWait2;
                break;
            case TcpState.Closing:
                BeginTimeWait(nowNs);
                break;
            case TcpState.LastAck:
                End(TcpFailure.None);
                break;
        }
    }

    private void TakeDuplicate()
    {
        _duplicates++;
        if (_isRecovering)
        {
            if (_sacked.Count == 0)
            {
                _congestionWindow = Math.Min(MostWindowBytes, _congestionWindow + _mss);
            }

            return;
        }

        var isLoss = _duplicates >= 3 || _sacked.TotalLength >= 3 * _mss;
        if (!isLoss || (_hasRecoveryEnd && Sequence.IsBefore(_unacknowledged, _recoveryEnd)))
        {
            return;
        }

        var inFlight = (int)(_highest - _unacknowledged);
        _slowStartThreshold = Math.Max(inFlight / 2, 2 * _mss);
        _congestionWindow = _slowStartThreshold;
        _isRecovering = _hasRecoveryEnd = true;
        _recoveryEnd = _highest;
        _resent = _unacknowledged;
        _mustResendFirst = true;
    }

    /// <summary>Bytes that are probably under way: not those that have arrived, nor those that show as gaps and were not sent again.</summary>
    private int Pipe()
    {
        var pipe = (int)(_next - _unacknowledged);
        if (_sacked.Count == 0)
        {
            return pipe;
        }

        pipe -= _sacked.TotalLength;
        if (_isRecovering)
        {
            for (var i = 0; i < _sacked.Count; i++)
            {
                var gapStart = Sequence.Later(i == 0 ? _unacknowledged : _sacked[i - 1].End, _resent);
                if (Sequence.IsBefore(gapStart, _sacked[i].Start))
                {
                    pipe -= (int)(_sacked[i].Start - gapStart);
                }
            }
        }

        return Math.Max(0, pipe);
    }

    private void ResendFirst(long nowNs)
    {
        var length = Math.Min(_mss, (int)(DataEnd - _unacknowledged));
        if (length >= 0 && _highest != _unacknowledged)
        {
            SendData(_unacknowledged, length, nowNs);
            _resent = Sequence.Later(_resent, _unacknowledged + (uint)length);
            _retransmitNs = nowNs + _rtt.TimeoutNs;
        }
    }

    private void TakeRtt(long nowNs)
    {
        if (_isTiming)
        {
            _rtt.Add(nowNs - _timedNs);
            _isTiming = false;
        }
    }

    private void Retransmit(long nowNs)
    {
        _retransmitNs = long.MaxValue;
        var isOpening = State is TcpState.SynSent or TcpState.SynReceived;
        if (++_retransmissions > (isOpening ? _settings.MaxSynRetransmissions : _settings.MaxRetransmissions))
        {
            if (!isOpening)
            {
                SendControl(_highest, TcpFlags.Reset | TcpFlags.Ack);
            }

            End(TcpFailure.TimedOut);
            return;
        }

        _rtt.BackOff();
        _isTiming = false;
        if (isOpening)
        {
            SendSyn(nowNs);
            return;
        }

        // RFC 5681 §3.1, and all over again from the first byte that is missing.
        if (_retransmissions == 1)
        {
            _slowStartThreshold = Math.Max((int)(_highest - _unacknowledged) / 2, 2 * _mss);
        }

        _congestionWindow = _mss;
        _isRecovering = _mustResendFirst = false;
        _hasRecoveryEnd = true;
        _recoveryEnd = _highest;
        _duplicates = 0;
        _sacked.Clear();
        _next = _unacknowledged;
        if (_sendWindow == 0)
        {
            // The peer shrank its window over what is under way: one byte asks whether it is open again.
            SendData(_next, Math.Min(1, (int)(DataEnd - _next)), nowNs);
        }

        Output(nowNs);
        if (_retransmitNs == long.MaxValue)
        {
            _retransmitNs = nowNs + _rtt.TimeoutNs;
        }
    }

    /// <summary>With a closed window nothing is under way whose loss would show, so a lost update must be asked for (RFC 9293 §3.8.6.1).</summary>
    private void ArmPersist(long nowNs)
    {
        var isPending = DataEnd != _next || (_finQueued && _next == DataEnd);
        if (isPending && _highest == _unacknowledged && _persistNs == long.MaxValue && _retransmitNs == long.MaxValue && (int)(DataEnd - _next) >= 0)
        {
            _persistNs = nowNs + _rtt.TimeoutNs;
        }
    }

    private bool Probe()
    {
        if (++_retransmissions > _settings.MaxRetransmissions)
        {
            SendControl(_highest, TcpFlags.Reset | TcpFlags.Ack);
            End(TcpFailure.TimedOut);
            return false;
        }

        // A byte of data would be under way if it were taken; one from before the window is not, and is answered all the same.
        _rtt.BackOff();
        SendControl(_unacknowledged - 1, TcpFlags.Ack);
        return true;
    }
}
