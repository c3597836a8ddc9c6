namespace Vivarium.Devices;

public sealed partial class I8042
{
    private const byte OutputPortNoReset = 0x01;
    private const byte OutputPortA20 = 0x02;
    private const byte OutputPortKeyboardFull = 0x10;
    private const byte OutputPortMouseFull = 0x20;

    /// <summary>The keyboard is not locked; a colour display is chosen.</summary>
    private const byte InputPort = 0x80;

    private void WriteCommand(byte command)
    {
        _lastWasCommand = true;
        _pendingCommand = 0;
        switch (command)
        {
            case >= 0x20 and < 0x40:
                _response = _ram[command & 0x1F];
                break;
            case >= 0x60 and < 0x80 or 0xD1 or 0xD2 or 0xD3 or 0xD4:
                _pendingCommand = command;
                break;
            case 0xA4:
                // No password is installed.
                _response = 0xF1;
                break;
            case 0xA7:
                _ram[CommandByteAddress] |= ModeMouseDisabled;
                break;
            case 0xA8:
                _ram[CommandByteAddress] &= unchecked((byte)~ModeMouseDisabled);
                break;
            case 0xA9 or 0xAB:
                _response = 0x00;
                break;
            case 0xAA:
                _ram[CommandByteAddress] |= ModeSystemFlag;
                _response = 0x55;
                break;
            case 0xAD:
                _ram[CommandByteAddress] |= ModeKeyboardDisabled;
                break;
            case 0xAE:
                _ram[CommandByteAddress] &= unchecked((byte)~ModeKeyboardDisabled);
                break;
            case 0xC0:
                _response = InputPort;
                break;
            case 0xD0:
                _response = OutputPortNoReset
                    | (_a20.IsOpen ? OutputPortA20 : 0)
                    | (_outputFull && !_outputFromMouse ? OutputPortKeyboardFull : 0)
                    | (_outputFull && _outputFromMouse ? OutputPortMouseFull : 0);
                break;
            case 0xDD or 0xDF:
                _a20.IsOpen = command == 0xDF;
                break;
            case 0xE0:
                _response = 0x00;
                break;
            case >= 0xF0 when (command & OutputPortNoReset) == 0:
                // The low bits name the lines that pulse low: bit 0 is the processors' reset.
                _power.RequestReset();
                break;
            default:
                // Unknown commands, and pulses of lines that go nowhere.
                break;
        }

        FillOutput();
    }

    private void WriteOutputPort(byte value)
    {
        _a20.IsOpen = (value & OutputPortA20) != 0;
        if ((value & OutputPortNoReset) == 0)
        {
            _power.RequestReset();
        }
    }
}
