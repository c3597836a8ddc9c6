namespace Vivarium.Debugging;

/// <summary>
/// Takes a client's bytes apart into packets (GDB manual, "Overview" of the remote protocol): <c>$data#checksum</c> with <c>}</c> as escape.
/// Whatever comes, it needs no more room than a packet may have.
/// </summary>
internal sealed class PacketReader
{
    /// <summary>Bytes of the largest packet, between <c>$</c> and <c>#</c>, escapes resolved.</summary>
    public const int MaxPacketBytes = 0x4000;

    private const byte EscapeMask = 0x20;

    private readonly byte[] _payload = new byte[MaxPacketBytes];
    private State _state;
    private int _length;
    private bool _isTooLong;
    private byte _sum;
    private int _claimed;

    private enum State
    {
        Idle,
        Body,
        Escaped,
        FirstDigit,
        SecondDigit,
    }

    /// <summary>The packet that <see cref="Push"/> completed, until the next byte.</summary>
    public ReadOnlyMemory<byte> Payload => _payload.AsMemory(0, _length);

    /// <summary>Whether checksums must be right. A client that needs no acknowledgements trusts its wire.</summary>
    public bool VerifiesChecksums { get; set; } = true;

    /// <summary>Takes one byte and tells what it completed.</summary>
    public PacketEvent Push(byte value)
    {
        switch (_state)
        {
            case State.Idle:
                return PushIdle(value);
            case State.Body when value == '$':
                // The packet before was cut off; this is another.
                Begin();
                return PacketEvent.None;
            case State.Body when value == '#':
                _state = State.FirstDigit;
                return PacketEvent.None;
            case State.Body when value == '}':
                _sum += value;
                _state = State.Escaped;
                return PacketEvent.None;
            case State.Body:
                Append(value, value);
                return PacketEvent.None;
            case State.Escaped:
                Append(value, (byte)(value ^ EscapeMask));
                _state = State.Body;
                return PacketEvent.None;
            case State.FirstDigit:
                _claimed = HexText.ValueOf(value) << 4;
                _state = State.SecondDigit;
                return PacketEvent.None;
            default:
                _state = State.Idle;
                return Complete(HexText.ValueOf(value));
        }
    }

    private PacketEvent PushIdle(byte value)
    {
        switch (value)
        {
            case (byte)'$':
                Begin();
                return PacketEvent.None;
            case (byte)'+':
                return PacketEvent.Acknowledged;
            case (byte)'-':
                return PacketEvent.Refused;
            case 3:
                return PacketEvent.Interrupt;
            default:
                return PacketEvent.None;
        }
    }

    private void Begin()
    {
        _state = State.Body;
        _length = 0;
        _sum = 0;
        _isTooLong = false;
    }

    private void Append(byte raw, byte value)
    {
        _sum += raw;
        if (_length < _payload.Length)
        {
            _payload[_length++] = value;
        }
        else
        {
            _isTooLong = true;
        }
    }

    /// <summary>Digits that are none are negative, and stay so when put together.</summary>
    private PacketEvent Complete(int lowDigit)
    {
        if (VerifiesChecksums && (_claimed | lowDigit) != _sum)
        {
            return PacketEvent.Damaged;
        }

        return _isTooLong ? PacketEvent.TooLong : PacketEvent.Packet;
    }
}
