using System.Runtime.InteropServices;

namespace Vivarium.Devices;

/// <content>Save and restore. Frames for the guest that wait are lost, as on a wire; a frame that the driver has half given is kept.</content>
public sealed partial class E1000
{
    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        ArgumentNullException.ThrowIfNull(writer);
        writer.Write(1, MemoryMarshal.AsBytes(_registers.AsSpan()));
        writer.Write(2, MemoryMarshal.AsBytes(_phy.AsSpan()));
        writer.Write(3, (ulong)_ioAddress);
        writer.Write(4, (ulong)_eeprom.Wires);
        writer.Write(5, (ulong)_eeprom.Shifted);
        writer.Write(6, _eeprom.BitCount);
        writer.Write(7, _eeprom.OutputAddress);
        writer.Write(8, _eeprom.OutputBit);
        writer.Write(9, _assembly.AsSpan(0, _assembledBytes));
        writer.Write(10, _assemblyFails);
        writer.Write(11, (ulong)_assemblyOptions);
        writer.Write(
            12,
            [
                _context.IpStart, _context.IpChecksum, _context.TransportStart, _context.TransportChecksum, _context.Command, _context.HeaderBytes,
                (byte)_context.SegmentBytes, (byte)(_context.SegmentBytes >> 8), 0, 0,
            ]);
    }

    /// <inheritdoc/>
    public void Restore(StateReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        var assembled = reader.ReadBytes(9);
        if (assembled.Length > _assembly.Length - VlanTagBytes)
        {
            throw reader.Invalid(9);
        }

        var bitCount = reader.ReadInt32(6, 0);
        var outputAddress = reader.ReadInt32(7, -1, 63);
        var outputBit = reader.ReadInt32(8, 0, 16);
        Span<byte> context = stackalloc byte[E1000Context.Bytes];
        reader.ReadBytes(12, context);
        Reset();
        reader.ReadBytes(1, MemoryMarshal.AsBytes(_registers.AsSpan()));
        reader.ReadBytes(2, MemoryMarshal.AsBytes(_phy.AsSpan()));
        _ioAddress = reader.ReadUInt32(3);
        _eeprom.Wires = reader.ReadUInt32(4);
        _eeprom.Shifted = reader.ReadUInt32(5);
        _eeprom.BitCount = bitCount;
        _eeprom.OutputAddress = outputAddress;
        _eeprom.OutputBit = outputBit;
        assembled.CopyTo(_assembly);
        _assembledBytes = assembled.Length;
        _assemblyFails = reader.ReadBoolean(10);
        _assemblyOptions = reader.ReadByte(11);
        _context = new E1000Context
        {
            IpStart = context[0],
            IpChecksum = context[1],
            TransportStart = context[2],
            TransportChecksum = context[3],
            Command = context[4],
            HeaderBytes = context[5],
            SegmentBytes = (ushort)(context[6] | (context[7] << 8)),
        };
        UpdateInterrupt();
    }
}
