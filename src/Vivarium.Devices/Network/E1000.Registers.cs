namespace Vivarium.Devices;

/// <content>What the driver reads and writes.</content>
public sealed partial class E1000
{
    private const int PhyRegisterCount = 32;
    private const uint MdiWrite = 1;
    private const uint MdiRead = 2;
    private const uint MdiReady = 1 << 28;
    private const uint MdiInterrupt = 1 << 29;
    private const uint MdiError = 1 << 30;
    private const uint PhyAddress = 1;
    private const uint EepromStart = 1;
    private const uint EepromDone = 1 << 4;
    private readonly ushort[] _phy = new ushort[PhyRegisterCount];

    /// <inheritdoc/>
    public IoResult ReadBar(int bar, ulong offset, int sizeBytes, out ulong value)
    {
        value = 0;
        if (bar == IoBar)
        {
            value = (offset, sizeBytes) switch
            {
                (0, 4) => _ioAddress,
                (4, 4) => ReadRegister(_ioAddress),
                _ => 0,
            };
            return IoResult.Ok;
        }

        // Narrow reads see their part of the register.
        var part = (int)(offset & 3);
        if (part + sizeBytes <= 4)
        {
            value = (ReadRegister((uint)offset & ~3u) >> (8 * part)) & (sizeBytes == 4 ? uint.MaxValue : (1u << (8 * sizeBytes)) - 1);
            return IoResult.Ok;
        }

        if (part != 0)
        {
            return IoResult.BadSize;
        }

        value = ReadRegister((uint)offset) | ((ulong)ReadRegister((uint)offset + 4) << 32);
        return IoResult.Ok;
    }

    /// <inheritdoc/>
    public IoResult WriteBar(int bar, ulong offset, int sizeBytes, ulong value)
    {
        if (bar == IoBar)
        {
            if (sizeBytes == 4 && offset == 0)
            {
                _ioAddress = (uint)value;
            }
            else if (sizeBytes == 4 && offset == 4)
            {
                WriteRegister(_ioAddress, (uint)value);
            }

            return IoResult.Ok;
        }

        if ((offset & 3) != 0 || sizeBytes < 4)
        {
            return IoResult.BadSize;
        }

        WriteRegister((uint)offset, (uint)value);
        if (sizeBytes == 8)
        {
            WriteRegister((uint)offset + 4, (uint)(value >> 32));
        }

        return IoResult.Ok;
    }

    private uint ReadRegister(uint offset)
    {
        if (offset >= E1000Register.End)
        {
            return 0;
        }

        var register = (int)offset & ~3;
        var value = this[register];
        switch (register)
        {
            case E1000Register.InterruptCause:
                this[register] = 0;
                UpdateInterrupt();
                return value;
            case E1000Register.EepromControl:
                return _eeprom.ReadWires();
            case >= E1000Register.StatisticsStart and < E1000Register.StatisticsEnd:
                // Counters begin anew when they are read.
                this[register] = 0;
                return value;
            case E1000Register.InterruptCauseSet or E1000Register.InterruptMaskClear:
                return 0;
            default:
                return value;
        }
    }

    private void WriteRegister(uint offset, uint value)
    {
        if (offset >= E1000Register.End)
        {
            return;
        }

        var register = (int)offset & ~3;
        switch (register)
        {
            case E1000Register.Control:
                if ((value & E1000Bits.ControlReset) != 0)
                {
                    ResetRegisters();
                    return;
                }

                this[register] = value;
                break;
            case E1000Register.EepromControl:
                _eeprom.WriteWires(value);
                break;
            case E1000Register.EepromRead:
                var address = (value >> 8) & 0xFF;
                this[register] = (value & EepromStart) != 0 ? (value & 0xFF00) | EepromDone | ((uint)_eeprom.Word((int)address) << 16) : value & 0xFF00;
                break;
            case E1000Register.MdiControl:
                WriteMdi(value);
                break;
            case E1000Register.InterruptCause:
                this[register] &= ~value;
                UpdateInterrupt();
                break;
            case E1000Register.InterruptCauseSet:
                Raise(value);
                break;
            case E1000Register.InterruptMask:
                this[register] |= value;
                UpdateInterrupt();
                break;
            case E1000Register.InterruptMaskClear:
                this[E1000Register.InterruptMask] &= ~value;
                UpdateInterrupt();
                break;
            case E1000Register.Status or (>= E1000Register.StatisticsStart and < E1000Register.StatisticsEnd):
                break;
            case E1000Register.TransmitTail:
                this[register] = value & 0xFFFF;
                PostTransmit();
                break;
            case E1000Register.TransmitControl:
                this[register] = value;
                PostTransmit();
                break;
            case E1000Register.ReceiveTail:
                this[register] = value & 0xFFFF;
                _events.Post(_receiveTurn);
                break;
            case E1000Register.ReceiveControl:
                this[register] = value;
                _events.Post(_receiveTurn);
                break;
            case E1000Register.TransmitHead or E1000Register.ReceiveHead:
                this[register] = value & 0xFFFF;
                break;
            case E1000Register.TransmitLength or E1000Register.ReceiveLength:
                this[register] = value & 0xF_FF80;
                break;
            default:
                this[register] = value;
                break;
        }
    }

    /// <summary>The PHY's registers (the manual's §13.4.6; IEEE 802.3 §22.2.4).</summary>
    private void WriteMdi(uint value)
    {
        var number = (int)(value >> 16) & 0x1F;
        var result = value | MdiReady;
        switch (((value >> 21) & 0x1F, (value >> 26) & 3))
        {
            case (PhyAddress, MdiRead):
                result = (result & ~0xFFFFu) | ReadPhy(number);
                break;
            case (PhyAddress, MdiWrite):
                // Identity and status are the PHY's own; what starts something is over at once.
                if (number is not (1 or 2 or 3 or 5 or 10 or 15 or 17))
                {
                    _phy[number] = (ushort)(number == 0 ? value & ~0x8200u : value);
                }

                break;
            default:
                result |= MdiError;
                break;
        }

        this[E1000Register.MdiControl] = result;
        if ((value & MdiInterrupt) != 0)
        {
            Raise(E1000Bits.CauseMdi);
        }
    }

    private ushort ReadPhy(int number) => number switch
    {
        // Basic status: all speeds, negotiation done, link.
        1 => (ushort)(0x7969 | (_isLinkUp ? 4 : 0)),

        // The Marvell PHY's own status: 1000 Mb/s, full duplex, resolved, link.
        17 => (ushort)(0xA800 | (_isLinkUp ? 0x0400 : 0)),
        _ => _phy[number],
    };

    private void ResetPhy()
    {
        Array.Clear(_phy);
        _phy[0] = 0x1140;
        _phy[2] = 0x0141;
        _phy[3] = 0x0C20;
        _phy[4] = 0x0DE1;
        _phy[5] = 0x45E1;
        _phy[9] = 0x0E00;
        _phy[10] = 0x3C00;
        _phy[15] = 0x3000;
        _phy[16] = 0x0360;
        _phy[20] = 0x0D60;
    }
}
