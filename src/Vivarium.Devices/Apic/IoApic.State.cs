namespace Vivarium.Devices;

public sealed partial class IoApic
{
    private const ushort EntryFields = 10;

    /// <inheritdoc/>
    public string StateName => "ioapic";

    /// <inheritdoc/>
    public void Reset()
    {
        // Pin levels stay: they belong to the devices.
        _id = 0;
        _select = 0;
        Array.Fill(_entries, EntryMasked);
    }

    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        writer.Write(1, (ulong)_levels);
        writer.Write(2, (ulong)_id);
        writer.Write(3, (ulong)_select);
        for (var pin = 0; pin < Pins; pin++)
        {
            writer.Write((ushort)(EntryFields + pin), _entries[pin]);
        }
    }

    /// <inheritdoc/>
    public void Restore(StateReader reader)
    {
        _levels = (uint)reader.ReadInt32(1, 0, (1 << Pins) - 1);
        _id = reader.ReadUInt32(2) & IdWritable;
        _select = reader.ReadByte(3);
        for (var pin = 0; pin < Pins; pin++)
        {
            _entries[pin] = reader.ReadUInt64((ushort)(EntryFields + pin)) & (EntryWritable | EntryRemoteIrr);
        }
    }
}
