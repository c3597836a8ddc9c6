namespace Vivarium.Devices;

internal sealed partial class PitChannel
{
    /// <summary>Writes the channel's fields with tags from <paramref name="tag"/> on; it uses five.</summary>
    public void Save(StateWriter writer, ushort tag)
    {
        writer.Write(tag, [
            (byte)_mode, (byte)_access, Flag(_bcd), Flag(_gate), Flag(_written), Flag(_loaded), Flag(_reloadPending), _writeLatch,
            Flag(_writeHighNext), Flag(_readHighNext), Flag(_statusLatched), _latchedStatus, (byte)_latchedBytes,
            (byte)_latchedCount, (byte)(_latchedCount >> 8),
        ]);
        writer.Write((ushort)(tag + 1), ((ulong)(uint)_reload << 32) | (uint)_period);
        writer.Write((ushort)(tag + 2), _start);
        writer.Write((ushort)(tag + 3), _pausedElapsed);
        writer.Write((ushort)(tag + 4), _reloadTick);

        static byte Flag(bool value) => value ? (byte)1 : (byte)0;
    }

    /// <summary>Reads what <see cref="Save"/> wrote.</summary>
    public void Restore(StateReader reader, ushort tag)
    {
        Span<byte> fields = stackalloc byte[15];
        reader.ReadBytes(tag, fields);
        var counts = reader.ReadUInt64((ushort)(tag + 1));
        var reload = counts >> 32;
        var period = counts & uint.MaxValue;
        var modulus = fields[2] != 0 ? 10_000u : 65_536u;
        if (fields[0] > 5 || fields[1] is 0 or > AccessBoth || fields[12] > 2 || reload - 1 >= modulus || period - 1 >= modulus)
        {
            throw reader.Invalid(tag);
        }

        _mode = fields[0];
        _access = fields[1];
        _bcd = fields[2] != 0;
        _gate = fields[3] != 0;
        _written = fields[4] != 0;
        _loaded = fields[5] != 0;
        _reloadPending = fields[6] != 0;
        _writeLatch = fields[7];
        _writeHighNext = fields[8] != 0;
        _readHighNext = fields[9] != 0;
        _statusLatched = fields[10] != 0;
        _latchedStatus = fields[11];
        _latchedBytes = fields[12];
        _latchedCount = (ushort)(fields[13] | (fields[14] << 8));
        _reload = (int)reload;
        _period = (int)period;
        _start = ReadTick(reader, (ushort)(tag + 2));
        _pausedElapsed = ReadTick(reader, (ushort)(tag + 3));
        _reloadTick = ReadTick(reader, (ushort)(tag + 4));
    }

    /// <summary>Reads a tick number: within ±2^61, so that sums of a few cannot overflow.</summary>
    private static long ReadTick(StateReader reader, ushort tag)
    {
        var value = reader.ReadInt64(tag);
        return Math.Abs(value / 2) < 1L << 60 ? value : throw reader.Invalid(tag);
    }
}
