using System.Buffers.Binary;

namespace Vivarium.Network.UserMode;

/// <summary>The options of a TCP header, one by one. A malformed one ends the list.</summary>
internal ref struct TcpOptionReader(ReadOnlySpan<byte> options)
{
    public const byte MaxSegment = 2;
    public const byte WindowScale = 3;
    public const byte SackPermitted = 4;
    public const byte Sack = 5;

    private ReadOnlySpan<byte> _rest = options;

    public byte Kind { get; private set; }

    public ReadOnlySpan<byte> Value { get; private set; }

    public bool Next()
    {
        while (!_rest.IsEmpty && _rest[0] == 1)
        {
            _rest = _rest[1..];
        }

        if (_rest.Length < 2 || _rest[0] == 0 || _rest[1] < 2 || _rest[1] > _rest.Length)
        {
            return false;
        }

        Kind = _rest[0];
        Value = _rest[2.._rest[1]];
        _rest = _rest[_rest[1]..];
        return true;
    }

    /// <summary>The value of an option of two bytes.</summary>
    public readonly ushort ReadUInt16() => BinaryPrimitives.ReadUInt16BigEndian(Value);
}
