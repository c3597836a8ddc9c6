namespace Vivarium.Devices;

/// <summary>An AT keyboard with scan code sets 1 and 2 (IBM PS/2 Hardware Interface Technical Reference, "Keyboard").</summary>
internal sealed class Ps2Keyboard
{
    private const byte Acknowledge = 0xFA;
    private const byte Resend = 0xFE;
    private const byte SelfTestPassed = 0xAA;

    private readonly ScanCodeTranslator _toSet1 = new();
    private byte _pendingCommand;
    private byte _scanCodeSet;
    private bool _scanning;

    public Ps2Keyboard() => Reset();

    public Ps2Queue Output { get; } = new();

    /// <summary>The LEDs the guest set: bit 0 scroll lock, bit 1 num lock, bit 2 caps lock.</summary>
    public byte Leds { get; private set; }

    public void Reset()
    {
        Output.Clear();
        _pendingCommand = 0;
        Leds = 0;
        SetDefaults();
        _scanning = true;
    }

    /// <summary>Sends a key's set 2 codes. False if the guest does not listen or the buffer is full.</summary>
    public bool TrySend(ReadOnlySpan<byte> codes)
    {
        if (!_scanning || codes.Length > Ps2Queue.Capacity)
        {
            return false;
        }

        if (_scanCodeSet == 2)
        {
            return Output.TryAdd(codes);
        }

        Span<byte> translated = stackalloc byte[Ps2Queue.Capacity];
        var count = 0;
        foreach (var code in codes)
        {
            var result = _toSet1.Translate(code);
            if (result >= 0)
            {
                translated[count++] = (byte)result;
            }
        }

        return Output.TryAdd(translated[..count]);
    }

    /// <summary>Takes a byte from the host: a command, or the argument of the one before.</summary>
    public void Write(byte value)
    {
        var command = _pendingCommand;
        _pendingCommand = 0;
        switch (command)
        {
            case 0xED when value < 0x80:
                Leds = (byte)(value & 7);
                Output.Answer(Acknowledge);
                break;
            case 0xF0 when value == 0:
                Output.Answer(Acknowledge, _scanCodeSet);
                break;
            case 0xF0 when value is 1 or 2:
                _scanCodeSet = value;
                Output.Answer(Acknowledge);
                break;
            case 0xF0 when value < 0x80:
                Output.Answer(Resend);
                break;
            case 0xF3 when value < 0x80:
                // The typematic rate: repeats come from whoever injects keys.
                Output.Answer(Acknowledge);
                break;
            default:
                WriteCommand(value);
                break;
        }
    }

    public void Save(StateWriter writer, ushort tag)
    {
        writer.Write(tag, [_pendingCommand, _scanCodeSet, _scanning ? (byte)1 : (byte)0, Leds, _toSet1.IsBreakPending ? (byte)1 : (byte)0]);
        Output.Save(writer, (ushort)(tag + 1));
    }

    public void Restore(StateReader reader, ushort tag)
    {
        Span<byte> fields = stackalloc byte[5];
        reader.ReadBytes(tag, fields);
        if (fields[1] is not (1 or 2))
        {
            throw reader.Invalid(tag);
        }

        _pendingCommand = fields[0];
        _scanCodeSet = fields[1];
        _scanning = fields[2] != 0;
        Leds = (byte)(fields[3] & 7);
        _toSet1.IsBreakPending = fields[4] != 0;
        Output.Restore(reader, (ushort)(tag + 1));
    }

    private void SetDefaults()
    {
        _scanCodeSet = 2;
        _toSet1.IsBreakPending = false;
    }

    private void WriteCommand(byte command)
    {
        switch (command)
        {
            case 0xED or 0xF0 or 0xF3:
                _pendingCommand = command;
                Output.Answer(Acknowledge);
                break;
            case 0xEE:
                Output.Answer(0xEE);
                break;
            case 0xF2:
                Output.Answer(Acknowledge, 0xAB, 0x83);
                break;
            case 0xF4:
                _scanning = true;
                Output.Answer(Acknowledge);
                break;
            case 0xF5:
                SetDefaults();
                _scanning = false;
                Output.Answer(Acknowledge);
                break;
            case 0xF6:
                SetDefaults();
                Output.Answer(Acknowledge);
                break;
            case >= 0xF7 and <= 0xFA:
                // Key types, which matter in set 3 only.
                Output.Answer(Acknowledge);
                break;
            case 0xFE:
                Output.Answer(Output.Last);
                break;
            case 0xFF:
                SetDefaults();
                _scanning = true;
                Leds = 0;
                Output.Answer(Acknowledge, SelfTestPassed);
                break;
            default:
                Output.Answer(Resend);
                break;
        }
    }
}
