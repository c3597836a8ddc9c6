namespace Vivarium.Bus;

internal sealed partial class PciFunctionUnit : IStateUnit
{
    private const ushort SpaceField = 1;
    private const ushort PinField = 2;
    private const ushort MessagesField = 3;
    private const ushort TableField = 4;
    private const ushort PendingField = 5;
    private const ushort PresentField = 6;

    /// <inheritdoc/>
    public string StateName => $"pci-{Address.Slot:x2}.{Address.Function}";

    /// <inheritdoc/>
    public void Reset()
    {
        _space.Reset();
        _table?.Reset();
        _pinLevel = false;
        Apply();
        _wasBusMaster = false;
    }

    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        writer.Write(SpaceField, _space.Values);
        writer.Write(PinField, _pinLevel);
        writer.Write(PresentField, IsPresent);
        if (_messages is not null)
        {
            writer.Write(MessagesField, (ulong)_messages.SavePending());
        }

        if (_table is not null)
        {
            writer.Write(TableField, _table.Table);
            writer.Write(PendingField, _table.Pending);
        }
    }

    /// <inheritdoc/>
    public void Restore(StateReader reader)
    {
        var space = new byte[_space.SizeBytes];
        reader.ReadBytes(SpaceField, space);
        _space.Restore(space);
        _pinLevel = reader.ReadBoolean(PinField) && _lines.Length > 0;
        IsPresent = reader.ReadBoolean(PresentField);
        _messages?.Restore(reader.ReadUInt32(MessagesField));
        if (_table is not null)
        {
            var table = new byte[_table.Table.Length];
            var pending = new byte[_table.Pending.Length];
            reader.ReadBytes(TableField, table);
            reader.ReadBytes(PendingField, pending);
            _table.Restore(table, pending);
        }

        Apply();
        _wasBusMaster = IsBusMaster;
    }
}
