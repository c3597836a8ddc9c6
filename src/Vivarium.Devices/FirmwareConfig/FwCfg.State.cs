namespace Vivarium.Devices;

public sealed partial class FwCfg
{
    /// <inheritdoc/>
    public string StateName => "fw-cfg";

    /// <inheritdoc/>
    public void Reset()
    {
        Select(SignatureItem);
        _dmaPorts.HighHalf = 0;
    }

    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        writer.Write(1, (ulong)_selected);
        writer.Write(2, (ulong)_position);
        writer.Write(3, (ulong)_dmaPorts.HighHalf);
    }

    /// <inheritdoc/>
    public void Restore(StateReader reader)
    {
        Select(reader.ReadUInt16(1));
        _position = reader.ReadUInt32(2);
        _dmaPorts.HighHalf = reader.ReadUInt32(3);
    }
}
