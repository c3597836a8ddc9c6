using System.Buffers.Binary;

namespace Vivarium.Network.UserMode;

/// <content>What is sent.</content>
internal sealed partial class TcpConnection
{
    private bool _finQueued;

    /// <summary>The sequence number behind all data, which the FIN takes.</summary>
    private uint DataEnd => DataStart + (uint)_outgoing.Count;

    /// <summary>The sequence number of the first byte in the buffer: the SYN takes one before it.</summary>
    private uint DataStart => State is TcpState.SynSent or TcpState.SynReceived or TcpState.Held ? _unacknowledged + 1 : _unacknowledged;

    /// <summary>Sends all that may be sent now, or at least what is owed.</summary>
    public void Output(long nowNs)
    {
        if (State is TcpState.Established or TcpState.CloseWait or TcpState.FinWait1 or TcpState.Closing or TcpState.LastAck)
        {
            SendLost(nowNs);
            SendNew(nowNs);
            ArmPersist(nowNs);
        }

        if (OwesAcknowledgment)
        {
            Acknowledge();
        }
    }

    /// <summary>Fills gaps that the peer's acknowledgements show, as far as the congestion window lets (RFC 6675 §5).</summary>
    private void SendLost(long nowNs)
    {
        if (!_isRecovering)
        {
            return;
        }

        if (_mustResendFirst)
        {
            _mustResendFirst = false;
            ResendFirst(nowNs);
        }

        var pipe = Pipe();
        for (var i = 0; i < _sacked.Count && pipe < _congestionWindow;)
        {
            var gapStart = Sequence.Later(i == 0 ? _unacknowledged : _sacked[i - 1].End, _resent);
            var gapEnd = _sacked[i].Start;
            var length = (int)Math.Min((uint)_mss, gapEnd - gapStart);
            if (!Sequence.IsBefore(gapStart, gapEnd))
            {
                i++;
                continue;
            }

            SendData(gapStart, length, nowNs);
            _resent = gapStart + (uint)length;
            pipe += length;
        }
    }

    private void SendNew(long nowNs)
    {
        while (true)
        {
            var available = (int)(DataEnd - _next);
            if (available < 0)
            {
                // The FIN has been sent, and nothing is behind it.
                return;
            }

            var inFlight = Pipe();
            var window = Math.Min(_congestionWindow - inFlight, (int)Math.Min(_sendWindow, int.MaxValue) - (int)(_next - _unacknowledged));
            var length = Math.Max(0, Math.Min(available, Math.Min(window, _next == _highest ? _settings.MaxBurstBytes : _mss)));
            if (length > _mss && length < available)
            {
                length -= length % _mss;
            }

            var withFin = _finQueued && length == available && (length > 0 || window > 0 || inFlight == 0);
            if ((length == 0 && !withFin) || (length < _mss && length < available && inFlight > 0))
            {
                return;
            }

            if (withFin && length == 0 && _sendWindow == 0)
            {
                return;
            }

            SendData(_next, length, nowNs);
        }
    }

    /// <summary>Sends data from the buffer, with the FIN if it comes right behind, and keeps account of it.</summary>
    private void SendData(uint sequence, int length, long nowNs)
    {
        var end = sequence + (uint)length;
        var flags = TcpFlags.Ack;
        if (end == DataEnd)
        {
            flags |= length > 0 ? TcpFlags.Push : TcpFlags.None;
            if (_finQueued)
            {
                flags |= TcpFlags.Fin;
                end++;
            }
        }

        if (_isTiming && Sequence.IsBefore(sequence, _highest))
        {
            // Karn's rule: what was sent twice tells no round trip time.
            _isTiming = false;
        }
        else if (!_isTiming && sequence == _highest)
        {
            _isTiming = true;
            _timedSequence = end;
            _timedNs = nowNs;
        }

        Emit(sequence, flags, (int)(sequence - DataStart), length);
        if ((flags & TcpFlags.Fin) != 0)
        {
            State = State switch { TcpState.Established => TcpState.FinWait1, TcpState.CloseWait => TcpState.LastAck, _ => State };
        }

        _next = Sequence.Later(_next, end);
        _highest = Sequence.Later(_highest, end);
        if (_retransmitNs == long.MaxValue)
        {
            _retransmitNs = nowNs + _rtt.TimeoutNs;
        }
    }

    private void SendSyn(long nowNs)
    {
        Span<byte> options = stackalloc byte[12];
        options[0] = TcpOptionReader.MaxSegment;
        options[1] = 4;
        BinaryPrimitives.WriteUInt16BigEndian(options[2..], (ushort)_settings.MaxSegmentBytes);
        var length = 4;
        var isAnswer = State == TcpState.SynReceived;
        if (!isAnswer || _mayUseSack)
        {
            ReadOnlySpan<byte> sack = [1, 1, TcpOptionReader.SackPermitted, 2];
            sack.CopyTo(options[length..]);
            length += 4;
        }

        if (!isAnswer || _mayScale)
        {
            ReadOnlySpan<byte> scale = [1, TcpOptionReader.WindowScale, 3, _ourScale];
            scale.CopyTo(options[length..]);
            length += 4;
        }

        var place = _link.Begin(this, TcpHeader.MinBytes + length);
        WriteHeader(place, _unacknowledged, TcpFlags.Syn | (isAnswer ? TcpFlags.Ack : TcpFlags.None), Math.Min(_incoming.Room, ushort.MaxValue), options[..length]);
        _link.End(this, TcpHeader.MinBytes + length, _mss);
        _advertisedEdge = _receiveNext + (uint)Math.Min(_incoming.Room, ushort.MaxValue);
        if (_highest == _unacknowledged)
        {
            _isTiming = true;
            _timedSequence = _unacknowledged + 1;
            _timedNs = nowNs;
        }
        else
        {
            _isTiming = false;
        }

        _next = _highest = _unacknowledged + 1;
        _retransmitNs = nowNs + _rtt.TimeoutNs;
        OwesAcknowledgment = false;
    }

    private void Acknowledge() => SendControl(_next, TcpFlags.Ack);

    private void SendControl(uint sequence, TcpFlags flags)
    {
        Emit(sequence, flags, 0, 0);
    }

    private void Emit(uint sequence, TcpFlags flags, int offset, int length)
    {
        Span<byte> options = stackalloc byte[4 + (TcpHeader.MaxSackBlocks * 8)];
        var optionBytes = (flags & TcpFlags.Reset) == 0 && _mayUseSack && _early.Count > 0 ? WriteSackBlocks(options) : 0;
        var headerBytes = TcpHeader.MinBytes + optionBytes;

        // Segments with options carry less, so that the packet still fits the link.
        var perSegment = _mss - optionBytes;
        var place = _link.Begin(this, headerBytes + length);
        var room = _incoming.Room;
        var scale = _mayScale ? _ourScale : 0;
        var window = Math.Min(room >> scale, ushort.MaxValue);
        WriteHeader(place, sequence, flags, window, options[..optionBytes]);
        _outgoing.CopyTo(offset, place.Slice(headerBytes, length));
        _link.End(this, headerBytes, perSegment);
        if ((flags & TcpFlags.Ack) != 0)
        {
            OwesAcknowledgment = false;
            _advertisedEdge = _receiveNext + ((uint)window << scale);
        }
    }

    private void WriteHeader(Span<byte> place, uint sequence, TcpFlags flags, int window, ReadOnlySpan<byte> options)
    {
        BinaryPrimitives.WriteUInt16BigEndian(place, Key.LocalPort);
        BinaryPrimitives.WriteUInt16BigEndian(place[2..], Key.RemotePort);
        BinaryPrimitives.WriteUInt32BigEndian(place[4..], sequence);
        BinaryPrimitives.WriteUInt32BigEndian(place[8..], (flags & TcpFlags.Ack) != 0 ? _receiveNext : 0);
        place[12] = (byte)((TcpHeader.MinBytes + options.Length) / 4 << 4);
        place[13] = (byte)flags;
        BinaryPrimitives.WriteUInt16BigEndian(place[14..], (ushort)window);
        place[16..20].Clear();
        options.CopyTo(place[20..]);
    }

    /// <summary>The block that changed last comes first (RFC 2018 §4).</summary>
    private int WriteSackBlocks(Span<byte> options)
    {
        options[0] = options[1] = 1;
        options[2] = TcpOptionReader.Sack;
        var at = 4;
        var first = 0;
        for (var i = 0; i < _early.Count; i++)
        {
            if (Sequence.IsAtOrBefore(_early[i].Start, _lastEarly) && Sequence.IsBefore(_lastEarly, _early[i].End))
            {
                first = i;
            }
        }

        for (var i = 0; i < Math.Min(_early.Count, TcpHeader.MaxSackBlocks - 1); i++)
        {
            var (start, end) = _early[(first + i) % _early.Count];
            BinaryPrimitives.WriteUInt32BigEndian(options[at..], start);
            BinaryPrimitives.WriteUInt32BigEndian(options[(at + 4)..], end);
            at += 8;
        }

        options[3] = (byte)(at - 2);
        return at;
    }
}
