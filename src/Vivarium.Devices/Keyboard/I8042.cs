namespace Vivarium.Devices;

/// <summary>
/// The keyboard controller of a PC at ports 0x60 and 0x64 with an AT keyboard and a PS/2 mouse (IBM PS/2 Hardware Interface Technical
/// Reference, "Keyboard and Auxiliary Device Controller"). It also drives the A20 gate and the reset line. After power-on it translates
/// scan codes to set 1, as firmware would have told it to. All members are called with the device lock held.
/// </summary>
public sealed partial class I8042 : IStateUnit
{
    private const byte StatusOutputFull = 0x01;
    private const byte StatusSystemFlag = 0x04;
    private const byte StatusLastWasCommand = 0x08;
    private const byte StatusUnlocked = 0x10;
    private const byte StatusMouseData = 0x20;

    private const byte CommandByteAddress = 0;
    private const byte ModeKeyboardInterrupt = 0x01;
    private const byte ModeMouseInterrupt = 0x02;
    private const byte ModeSystemFlag = 0x04;
    private const byte ModeKeyboardDisabled = 0x10;
    private const byte ModeMouseDisabled = 0x20;
    private const byte ModeTranslate = 0x40;
    private const byte ModeAtPowerOn = ModeKeyboardInterrupt | ModeMouseInterrupt | ModeTranslate;

    private readonly IrqLine _keyboardIrq;
    private readonly IrqLine _mouseIrq;
    private readonly IPowerControl _power;
    private readonly IA20Gate _a20;
    private readonly Ps2Keyboard _keyboard = new();
    private readonly Ps2Mouse _mouse = new();
    private readonly ScanCodeTranslator _translator = new();
    private readonly byte[] _ram = new byte[32];
    private byte _pendingCommand;
    private bool _lastWasCommand;
    private byte _output;
    private bool _outputFull;
    private bool _outputFromMouse;

    /// <summary>What the controller itself wants to say next; −1 for nothing, bit 8 set if as the mouse.</summary>
    private int _response = -1;

    /// <summary>Creates the controller in its power-on state.</summary>
    /// <param name="keyboardIrq">IRQ 1.</param>
    /// <param name="mouseIrq">IRQ 12.</param>
    /// <param name="power">Is asked for a reset.</param>
    /// <param name="a20">The gate on address line 20.</param>
    public I8042(IrqLine keyboardIrq, IrqLine mouseIrq, IPowerControl power, IA20Gate a20)
    {
        _keyboardIrq = keyboardIrq;
        _mouseIrq = mouseIrq;
        _power = power;
        _a20 = a20;
        DataPort = new BytePorts(1, _ => ReadData(), (_, value) => WriteData(value));
        CommandPort = new BytePorts(1, _ => Status, (_, value) => WriteCommand(value));
        Reset();
    }

    /// <summary>Port 0x60.</summary>
    public IPortDevice DataPort { get; }

    /// <summary>Port 0x64.</summary>
    public IPortDevice CommandPort { get; }

    /// <summary>The keyboard's LEDs: bit 0 scroll lock, bit 1 num lock, bit 2 caps lock.</summary>
    public byte KeyboardLeds => _keyboard.Leds;

    private byte Mode => _ram[CommandByteAddress];

    private byte Status => (byte)(StatusUnlocked
        | (_outputFull ? StatusOutputFull : 0)
        | (_outputFull && _outputFromMouse ? StatusMouseData : 0)
        | ((Mode & ModeSystemFlag) != 0 ? StatusSystemFlag : 0)
        | (_lastWasCommand ? StatusLastWasCommand : 0));

    /// <summary>Types: sends scan codes of set 2, make and break.</summary>
    /// <returns>False, and nothing is sent, if the guest does not listen or the keyboard's buffer has no room for all of them.</returns>
    public bool TrySendScanCodes(ReadOnlySpan<byte> codes)
    {
        var sent = _keyboard.TrySend(codes);
        FillOutput();
        return sent;
    }

    /// <summary>Moves the mouse. What the guest has no room for is added up.</summary>
    /// <param name="dx">Counts to the right.</param>
    /// <param name="dy">Counts upwards.</param>
    /// <param name="wheel">Clicks of the wheel towards the user.</param>
    /// <param name="buttons">The buttons down: bit 0 left, bit 1 right, bit 2 middle, bits 3 and 4 the side ones.</param>
    public void MoveMouse(int dx, int dy, int wheel, byte buttons)
    {
        _mouse.Move(dx, dy, wheel, buttons);
        FillOutput();
    }

    private byte ReadData()
    {
        // The buffer keeps its byte: reading it again gives it again.
        var value = _output;
        if (_outputFull)
        {
            _outputFull = false;
            UpdateInterrupts();
            _mouse.Report();
            FillOutput();
        }

        return value;
    }

    private void WriteData(byte value)
    {
        _lastWasCommand = false;
        var command = _pendingCommand;
        _pendingCommand = 0;
        switch (command)
        {
            case >= 0x60 and < 0x80:
                _ram[command & 0x1F] = value;
                break;
            case 0xD1:
                WriteOutputPort(value);
                break;
            case 0xD2:
                _response = value;
                break;
            case 0xD3:
                _response = value | 0x100;
                break;
            case 0xD4:
                _ram[CommandByteAddress] &= unchecked((byte)~ModeMouseDisabled);
                _mouse.Write(value);
                break;
            default:
                // Talking to the keyboard opens its wire again.
                _ram[CommandByteAddress] &= unchecked((byte)~ModeKeyboardDisabled);
                _keyboard.Write(value);
                break;
        }

        FillOutput();
    }

    /// <summary>Moves the next byte into the output buffer if that is free: the controller's own first, then the keyboard's.</summary>
    private void FillOutput()
    {
        while (!_outputFull)
        {
            if (_response >= 0)
            {
                SetOutput((byte)_response, fromMouse: _response > 0xFF);
                _response = -1;
            }
            else if ((Mode & ModeKeyboardDisabled) == 0 && _keyboard.Output.Count > 0)
            {
                var code = _keyboard.Output.Take();
                var translated = (Mode & ModeTranslate) != 0 ? _translator.Translate(code) : code;
                if (translated >= 0)
                {
                    SetOutput((byte)translated, fromMouse: false);
                }
            }
            else if ((Mode & ModeMouseDisabled) == 0 && _mouse.Output.Count > 0)
            {
                SetOutput(_mouse.Output.Take(), fromMouse: true);
            }
            else
            {
                break;
            }
        }

        UpdateInterrupts();
    }

    private void SetOutput(byte value, bool fromMouse)
    {
        _output = value;
        _outputFull = true;
        _outputFromMouse = fromMouse;
    }

    private void UpdateInterrupts()
    {
        _keyboardIrq.SetLevel(_outputFull && !_outputFromMouse && (Mode & ModeKeyboardInterrupt) != 0);
        _mouseIrq.SetLevel(_outputFull && _outputFromMouse && (Mode & ModeMouseInterrupt) != 0);
    }
}
