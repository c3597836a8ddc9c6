using System.Buffers.Binary;

namespace Vivarium.Bus;

/// <summary>
/// The table and pending bits of MSI-X (PCI Local Bus 3.0 §6.8.2): an entry is address, data and a mask bit. A message that may not be sent,
/// because its entry or the function is masked or bus mastering is off, waits as a pending bit and is sent once when it may. Device lock held.
/// </summary>
internal sealed class PciMsiXTable
{
    private const int EntryBytes = 16;
    private const int ControlOffset = 12;
    private const byte Masked = 1;

    private readonly PciMsiX _msiX;
    private readonly IMsiTarget _target;
    private readonly byte[] _table;
    private readonly byte[] _pending;
    private bool _isEnabled;
    private bool _maySend;

    public PciMsiXTable(PciMsiX msiX, IMsiTarget target)
    {
        _msiX = msiX;
        _target = target;
        _table = new byte[msiX.TableSizeBytes];
        _pending = new byte[msiX.PendingSizeBytes];
        Reset();
    }

    public enum Part
    {
        None,
        Table,
        Pending,
        Border,
    }

    public int Bar => _msiX.Bar;

    public ReadOnlySpan<byte> Table => _table;

    public ReadOnlySpan<byte> Pending => _pending;

    /// <summary>Which part an access to the region meets; <see cref="Part.Border"/> if it is only partly in one.</summary>
    public Part Find(ulong offset, int sizeBytes)
    {
        var table = Overlap(offset, sizeBytes, _msiX.TableOffset, _msiX.TableSizeBytes);
        var pending = Overlap(offset, sizeBytes, _msiX.PendingOffset, _msiX.PendingSizeBytes);
        return table == sizeBytes ? Part.Table
            : pending == sizeBytes ? Part.Pending
            : table > 0 || pending > 0 ? Part.Border
            : Part.None;
    }

    public IoResult ReadTable(ulong offset, int sizeBytes, out ulong value) => Read(_table, (int)(offset - _msiX.TableOffset), sizeBytes, out value);

    public IoResult ReadPending(ulong offset, int sizeBytes, out ulong value) => Read(_pending, (int)(offset - _msiX.PendingOffset), sizeBytes, out value);

    public IoResult WriteTable(ulong offset, int sizeBytes, ulong value)
    {
        var first = (int)(offset - _msiX.TableOffset);
        for (var i = 0; i < sizeBytes; i++)
        {
            _table[first + i] = (byte)((value >> (8 * i)) & WritableBits(first + i));
        }

        for (var vector = first / EntryBytes; vector <= (first + sizeBytes - 1) / EntryBytes; vector++)
        {
            SendIfPending(vector);
        }

        return IoResult.Ok;
    }

    /// <summary>The capability or the command register changed.</summary>
    /// <param name="isEnabled">MSI-X is enabled.</param>
    /// <param name="isMasked">The whole function is masked.</param>
    /// <param name="isBusMaster">The function may write to memory, and so send messages.</param>
    public void Update(bool isEnabled, bool isMasked, bool isBusMaster)
    {
        _isEnabled = isEnabled;
        var maySend = isEnabled && !isMasked && isBusMaster;
        if (maySend && !_maySend)
        {
            _maySend = true;
            SendAllPending();
        }

        _maySend = maySend;
    }

    public void Signal(int vector)
    {
        if (!_isEnabled || (uint)vector >= (uint)_msiX.VectorCount)
        {
            return;
        }

        _pending[vector >> 3] |= (byte)(1 << (vector & 7));
        SendIfPending(vector);
    }

    public void Reset()
    {
        _table.AsSpan().Clear();
        _pending.AsSpan().Clear();
        for (var control = ControlOffset; control < _table.Length; control += EntryBytes)
        {
            _table[control] = Masked;
        }

        (_isEnabled, _maySend) = (false, false);
    }

    /// <summary>Takes saved bytes of the right lengths; <see cref="Update"/> has to follow and sends what is due.</summary>
    public void Restore(ReadOnlySpan<byte> table, ReadOnlySpan<byte> pending)
    {
        Reset();
        for (var i = 0; i < table.Length; i++)
        {
            _table[i] = (byte)(table[i] & WritableBits(i));
        }

        for (var vector = 0; vector < _msiX.VectorCount; vector++)
        {
            _pending[vector >> 3] |= (byte)(pending[vector >> 3] & (1 << (vector & 7)));
        }
    }

    private static IoResult Read(ReadOnlySpan<byte> bytes, int offset, int sizeBytes, out ulong value)
    {
        value = 0;
        for (var i = 0; i < sizeBytes; i++)
        {
            value |= (ulong)bytes[offset + i] << (8 * i);
        }

        return IoResult.Ok;
    }

    private static int Overlap(ulong offset, int sizeBytes, uint first, uint lengthBytes)
    {
        var from = Math.Max(offset, first);
        var to = Math.Min(offset + (ulong)sizeBytes, (ulong)first + lengthBytes);
        return to > from ? (int)(to - from) : 0;
    }

    /// <summary>Of an address the two low bits are zero; of the control word there is the mask bit alone.</summary>
    private static byte WritableBits(int offset) => (offset % EntryBytes) switch
    {
        0 => 0xFC,
        ControlOffset => Masked,
        > ControlOffset => 0,
        _ => 0xFF,
    };

    private void SendAllPending()
    {
        for (var i = 0; i < _pending.Length; i++)
        {
            for (var bit = 0; _pending[i] >> bit != 0; bit++)
            {
                SendIfPending((8 * i) + bit);
            }
        }
    }

    private void SendIfPending(int vector)
    {
        var bit = (byte)(1 << (vector & 7));
        var entry = _table.AsSpan(vector * EntryBytes, EntryBytes);
        if (_maySend && (_pending[vector >> 3] & bit) != 0 && (entry[ControlOffset] & Masked) == 0)
        {
            _pending[vector >> 3] &= (byte)~bit;
            _target.SendMsi(BinaryPrimitives.ReadUInt64LittleEndian(entry), BinaryPrimitives.ReadUInt32LittleEndian(entry[8..]));
        }
    }
}
