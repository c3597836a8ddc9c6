namespace Vivarium.Devices;

/// <content>Save and restore. Commands that the device had are begun again, from the guest's own command list.</content>
internal sealed partial class AhciPort
{
    private const ushort TagsPerPort = 64;
    private const ushort DeviceTag = 32;

    public void Save(StateWriter writer)
    {
        var tag = FirstTag();
        ReadOnlySpan<ulong> values =
        [
            _listGpa, _fisGpa, _interruptStatus, _interruptEnable, _command, _taskFile, _signature, _linkControl, _linkError, _active, _issued, _accepted,
            (ulong)_lastSlot,
        ];
        foreach (var value in values)
        {
            writer.Write(tag++, value);
        }

        writer.Write(tag++, _isHalted);
        writer.Write(tag, _isSoftReset);
        Device?.Save(writer, (ushort)(FirstTag() + DeviceTag));
    }

    public void Restore(StateReader reader)
    {
        var tag = FirstTag();
        _listGpa = reader.ReadUInt64(tag++) & ~0x3FFUL;
        _fisGpa = reader.ReadUInt64(tag++) & ~0xFFUL;
        _interruptStatus = reader.ReadUInt32(tag++) & InterruptBits;
        _interruptEnable = reader.ReadUInt32(tag++) & InterruptBits;
        _command = reader.ReadUInt32(tag++) & CommandKept;
        _taskFile = reader.ReadUInt32(tag++);
        _signature = reader.ReadUInt32(tag++);
        _linkControl = reader.ReadUInt32(tag++) & 0xFFF;
        _linkError = reader.ReadUInt32(tag++);
        _active = reader.ReadUInt32(tag++);
        _issued = reader.ReadUInt32(tag++);
        _accepted = reader.ReadUInt32(tag++);
        _lastSlot = reader.ReadInt32(tag++, 0, SlotCount - 1);
        _isHalted = reader.ReadBoolean(tag++);
        _isSoftReset = reader.ReadBoolean(tag);
        _running = 0;
        Device?.Restore(reader, (ushort)(FirstTag() + DeviceTag));
    }

    private ushort FirstTag() => (ushort)(TagsPerPort * (Number + 1));
}
