namespace Vivarium.Devices;

public sealed partial class I8042
{
    private const ushort KeyboardFields = 20;
    private const ushort MouseFields = 30;

    /// <inheritdoc/>
    public string StateName => "i8042";

    /// <inheritdoc/>
    public void Reset()
    {
        _keyboard.Reset();
        _mouse.Reset();
        _translator.IsBreakPending = false;
        Array.Clear(_ram);
        _ram[CommandByteAddress] = ModeAtPowerOn;
        _pendingCommand = 0;
        _lastWasCommand = false;
        _output = 0;
        _outputFull = false;
        _outputFromMouse = false;
        _response = -1;
        UpdateInterrupts();
    }

    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        writer.Write(1, _ram);
        writer.Write(2, (ulong)_pendingCommand);
        writer.Write(3, _lastWasCommand);
        writer.Write(4, (ulong)_output);
        writer.Write(5, _outputFull);
        writer.Write(6, _outputFromMouse);
        writer.Write(7, (long)_response);
        writer.Write(8, _translator.IsBreakPending);
        _keyboard.Save(writer, KeyboardFields);
        _mouse.Save(writer, MouseFields);
    }

    /// <inheritdoc/>
    public void Restore(StateReader reader)
    {
        reader.ReadBytes(1, _ram);
        _pendingCommand = reader.ReadByte(2);
        _lastWasCommand = reader.ReadBoolean(3);
        _output = reader.ReadByte(4);
        _outputFull = reader.ReadBoolean(5);
        _outputFromMouse = reader.ReadBoolean(6);
        _response = reader.ReadInt32(7, -1, 0x1FF);
        _translator.IsBreakPending = reader.ReadBoolean(8);
        _keyboard.Restore(reader, KeyboardFields);
        _mouse.Restore(reader, MouseFields);
        UpdateInterrupts();
    }
}
