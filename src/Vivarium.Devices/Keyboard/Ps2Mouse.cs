namespace Vivarium.Devices;

/// <summary>
/// A PS/2 mouse, with the wheel and the five buttons of the IntelliMouse if the guest knocks (IBM PS/2 Hardware Interface Technical
/// Reference, "Auxiliary Device"). Sample rates are kept but not simulated.
/// </summary>
internal sealed class Ps2Mouse
{
    private const byte Acknowledge = 0xFA;
    private const byte Resend = 0xFE;
    private const int MaximumPending = 1 << 15;

    private byte _pendingCommand;
    private byte _id;
    private byte _resolution;
    private byte _sampleRate;
    private bool _scaling21;
    private bool _reporting;
    private bool _remote;
    private bool _wrap;

    /// <summary>How far the guest's knock of sample rates has come: the last two.</summary>
    private byte _rateBefore;
    private byte _rateBeforeThat;

    private int _dx;
    private int _dy;
    private int _wheel;
    private byte _buttons;
    private bool _changed;

    public Ps2Mouse() => Reset();

    public Ps2Queue Output { get; } = new();

    private int PacketBytes => _id == 0 ? 3 : 4;

    public void Reset()
    {
        Output.Clear();
        SetDefaults();
        _pendingCommand = 0;
        _rateBefore = 0;
        _rateBeforeThat = 0;
        _buttons = 0;
    }

    /// <summary>Moves the mouse by counts and sets the buttons: bit 0 left, 1 right, 2 middle, 3 and 4 the side ones.</summary>
    public void Move(int dx, int dy, int wheel, byte buttons)
    {
        _dx = Add(_dx, dx);
        _dy = Add(_dy, dy);
        _wheel = Add(_wheel, wheel);
        _changed |= dx != 0 || dy != 0 || wheel != 0 || buttons != _buttons;
        _buttons = (byte)(buttons & 0x1F);
        Report();

        static int Add(int sum, int value) => (int)Math.Clamp((long)sum + value, -MaximumPending, MaximumPending);
    }

    /// <summary>Queues packets for what has not been reported, as far as there is room. Call it when the queue was read.</summary>
    public void Report()
    {
        while (_changed && _reporting && !_remote && !_wrap && Output.Count <= Ps2Queue.Capacity - PacketBytes)
        {
            AddPacket();
        }
    }

    /// <summary>Takes a byte from the host: a command, or the argument of the one before.</summary>
    public void Write(byte value)
    {
        if (_wrap && value is not (0xFF or 0xEC))
        {
            Output.Answer(value);
            return;
        }

        var command = _pendingCommand;
        _pendingCommand = 0;
        switch (command)
        {
            case 0xE8:
                _resolution = (byte)(value & 3);
                Output.Answer(Acknowledge);
                break;
            case 0xF3:
                SetSampleRate(value);
                Output.Answer(Acknowledge);
                break;
            default:
                WriteCommand(value);
                break;
        }
    }

    public void Save(StateWriter writer, ushort tag)
    {
        writer.Write(tag, [
            _pendingCommand, _id, _resolution, _sampleRate, Flag(_scaling21), Flag(_reporting), Flag(_remote), Flag(_wrap), _rateBefore,
            _rateBeforeThat, _buttons, Flag(_changed),
        ]);
        Output.Save(writer, (ushort)(tag + 1));
        writer.Write((ushort)(tag + 2), (long)_dx);
        writer.Write((ushort)(tag + 3), (long)_dy);
        writer.Write((ushort)(tag + 4), (long)_wheel);

        static byte Flag(bool value) => value ? (byte)1 : (byte)0;
    }

    public void Restore(StateReader reader, ushort tag)
    {
        Span<byte> fields = stackalloc byte[12];
        reader.ReadBytes(tag, fields);
        if (fields[1] is not (0 or 3 or 4))
        {
            throw reader.Invalid(tag);
        }

        _pendingCommand = fields[0];
        _id = fields[1];
        _resolution = (byte)(fields[2] & 3);
        _sampleRate = fields[3];
        _scaling21 = fields[4] != 0;
        _reporting = fields[5] != 0;
        _remote = fields[6] != 0;
        _wrap = fields[7] != 0;
        _rateBefore = fields[8];
        _rateBeforeThat = fields[9];
        _buttons = (byte)(fields[10] & 0x1F);
        _changed = fields[11] != 0;
        Output.Restore(reader, (ushort)(tag + 1));
        _dx = reader.ReadInt32((ushort)(tag + 2), -MaximumPending, MaximumPending);
        _dy = reader.ReadInt32((ushort)(tag + 3), -MaximumPending, MaximumPending);
        _wheel = reader.ReadInt32((ushort)(tag + 4), -MaximumPending, MaximumPending);
    }

    private void SetDefaults()
    {
        _id = 0;
        _resolution = 2;
        _sampleRate = 100;
        _scaling21 = false;
        _reporting = false;
        _remote = false;
        _wrap = false;
        _dx = 0;
        _dy = 0;
        _wheel = 0;
        _changed = false;
    }

    private void WriteCommand(byte command)
    {
        Span<byte> status = [Acknowledge, Status, _resolution, _sampleRate];
        switch (command)
        {
            case 0xE6 or 0xE7:
                _scaling21 = command == 0xE7;
                break;
            case 0xE8 or 0xF3:
                _pendingCommand = command;
                break;
            case 0xE9:
                Output.Answer(status);
                return;
            case 0xEA:
                _remote = false;
                break;
            case 0xEB:
                Output.Answer(Acknowledge);
                AddPacket();
                return;
            case 0xEC or 0xEE:
                _wrap = command == 0xEE;
                break;
            case 0xF0:
                _remote = true;
                break;
            case 0xF2:
                Output.Answer(Acknowledge, _id);
                return;
            case 0xF4 or 0xF5:
                _reporting = command == 0xF4;
                break;
            case 0xF6:
                var id = _id;
                SetDefaults();
                _id = id;
                break;
            case 0xFE:
                Output.Answer(Output.Last);
                return;
            case 0xFF:
                SetDefaults();
                Output.Answer(Acknowledge, 0xAA, 0x00);
                return;
            default:
                Output.Answer(Resend);
                return;
        }

        Output.Answer(Acknowledge);
    }

    private byte Status =>
        (byte)((_remote ? 0x40 : 0) | (_reporting ? 0x20 : 0) | (_scaling21 ? 0x10 : 0)
            | ((_buttons & 1) << 2) | ((_buttons & 4) >> 1) | ((_buttons & 2) >> 1));

    /// <summary>The rates 200, 100, 80 ask for the wheel and 200, 200, 80 for five buttons as well.</summary>
    private void SetSampleRate(byte rate)
    {
        if (rate == 80 && _rateBeforeThat == 200)
        {
            _id = _rateBefore switch
            {
                100 => 3,
                200 => 4,
                _ => _id,
            };
        }

        _rateBeforeThat = _rateBefore;
        _rateBefore = rate;
        _sampleRate = rate;
    }

    /// <summary>Appends a packet with as much of the movement as it can hold.</summary>
    private void AddPacket()
    {
        var dx = Math.Clamp(_dx, -255, 255);
        var dy = Math.Clamp(_dy, -255, 255);
        var wheel = _id == 0 ? 0 : Math.Clamp(_wheel, -8, 7);
        var head = (byte)(0x08 | (_buttons & 7) | (dx < 0 ? 0x10 : 0) | (dy < 0 ? 0x20 : 0));
        var tail = (byte)(_id == 4 ? (wheel & 0x0F) | ((_buttons & 0x18) << 1) : wheel);
        Span<byte> packet = [head, (byte)dx, (byte)dy, tail];
        Output.TryAdd(packet[..PacketBytes]);

        _dx -= dx;
        _dy -= dy;
        _wheel = _id == 0 ? 0 : _wheel - wheel;
        _changed = _dx != 0 || _dy != 0 || _wheel != 0;
    }
}
