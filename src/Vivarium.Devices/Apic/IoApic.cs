namespace Vivarium.Devices;

/// <summary>
/// An IOAPIC of 24 pins (Intel 82093AA data sheet; version 0x20 with the EOI register of the ICH family) behind 4 KiB at 0xFEC00000.
/// A high pin means "asserted" whatever the polarity bit says, because lines here are logical. An edge at a masked pin is lost; a level
/// waits. All members are called with the device lock held.
/// </summary>
public sealed partial class IoApic : IInterruptInput, IMmioDevice, IEoiListener, IStateUnit
{
    /// <summary>Where a PC has its first IOAPIC.</summary>
    public const ulong DefaultAddress = 0xFEC0_0000;

    /// <summary>Bytes of address space it takes.</summary>
    public const ulong RegionSizeBytes = 0x1000;

    private const int Pins = 24;
    private const ulong SelectOffset = 0x00;
    private const ulong WindowOffset = 0x10;
    private const ulong EoiOffset = 0x40;
    private const uint VersionValue = ((Pins - 1) << 16) | 0x20;
    private const uint IdWritable = 0x0F00_0000;
    private const int FirstEntry = 0x10;

    private const ulong EntryMasked = 1UL << 16;
    private const ulong EntryLevelTriggered = 1UL << 15;
    private const ulong EntryRemoteIrr = 1UL << 14;
    private const ulong EntryLogical = 1UL << 11;
    private const ulong EntryWritable = 0xFF00_0000_0001_AFFF;

    private readonly IMsiTarget _target;
    private readonly ulong[] _entries = new ulong[Pins];
    private uint _levels;
    private uint _id;
    private byte _select;

    /// <summary>Creates an IOAPIC in its power-on state: every pin masked.</summary>
    /// <param name="target">Takes its messages: the local APICs.</param>
    public IoApic(IMsiTarget target)
    {
        _target = target;
        Reset();
    }

    /// <inheritdoc/>
    public int PinCount => Pins;

    /// <inheritdoc/>
    public void SetPin(int pin, bool level)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(pin);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(pin, Pins);
        var bit = 1u << pin;
        var rises = level && (_levels & bit) == 0;
        _levels = level ? _levels | bit : _levels & ~bit;
        if (rises)
        {
            if (IsLevel(_entries[pin]))
            {
                ServiceLevel(pin);
            }
            else if ((_entries[pin] & EntryMasked) == 0)
            {
                Send(_entries[pin]);
            }
        }
    }

    /// <inheritdoc/>
    public void EndOfInterrupt(byte vector)
    {
        for (var pin = 0; pin < Pins; pin++)
        {
            if ((_entries[pin] & EntryRemoteIrr) != 0 && (byte)_entries[pin] == vector)
            {
                _entries[pin] &= ~EntryRemoteIrr;
                ServiceLevel(pin);
            }
        }
    }

    /// <inheritdoc/>
    public IoResult ReadMmio(ulong offset, int sizeBytes, out ulong value)
    {
        value = 0;
        var result = Check(offset, sizeBytes);
        if (result == IoResult.Ok)
        {
            value = offset switch
            {
                SelectOffset => _select,
                WindowOffset => ReadWindow(),
                _ => 0,
            };
        }

        return result;
    }

    /// <inheritdoc/>
    public IoResult WriteMmio(ulong offset, int sizeBytes, ulong value)
    {
        var result = Check(offset, sizeBytes);
        if (result == IoResult.Ok)
        {
            switch (offset)
            {
                case SelectOffset:
                    _select = (byte)value;
                    break;
                case WindowOffset:
                    WriteWindow((uint)value);
                    break;
                default:
                    EndOfInterrupt((byte)value);
                    break;
            }
        }

        return result;
    }

    private static IoResult Check(ulong offset, int sizeBytes) => offset switch
    {
        SelectOffset => sizeBytes <= 4 ? IoResult.Ok : IoResult.BadSize,
        WindowOffset or EoiOffset => sizeBytes == 4 ? IoResult.Ok : IoResult.BadSize,
        _ => sizeBytes > 4 ? IoResult.BadSize : IoResult.NoRegister,
    };

    /// <summary>Whether an entry waits for an EOI. Only fixed interrupts do: the others have no vector to end.</summary>
    private static bool IsLevel(ulong entry) =>
        (entry & EntryLevelTriggered) != 0
        && ApicBits.DeliveryMode((uint)entry) is ApicDeliveryMode.Fixed or ApicDeliveryMode.LowestPriority;

    private uint ReadWindow()
    {
        switch (_select)
        {
            case 0 or 2:
                return _id;
            case 1:
                return VersionValue;
            case >= FirstEntry and < FirstEntry + 2 * Pins:
                var entry = _entries[(_select - FirstEntry) / 2];
                return (uint)((_select & 1) == 0 ? entry : entry >> 32);
            default:
                return 0;
        }
    }

    private void WriteWindow(uint value)
    {
        if (_select == 0)
        {
            _id = value & IdWritable;
        }
        else if (_select is >= FirstEntry and < FirstEntry + 2 * Pins)
        {
            WriteEntry((_select - FirstEntry) / 2, (_select & 1) * 32, value);
        }
    }

    private void WriteEntry(int pin, int shift, uint value)
    {
        var before = _entries[pin];
        var after = (before & ~((ulong)uint.MaxValue << shift)) | ((ulong)value << shift);
        after = (after & EntryWritable) | (before & EntryRemoteIrr);

        // Turning an entry to edge and back is how operating systems clear a stuck remote IRR.
        _entries[pin] = IsLevel(after) ? after : after & ~EntryRemoteIrr;
        ServiceLevel(pin);
    }

    private void ServiceLevel(int pin)
    {
        var entry = _entries[pin];
        if (IsLevel(entry) && (entry & (EntryMasked | EntryRemoteIrr)) == 0 && (_levels & (1u << pin)) != 0)
        {
            _entries[pin] = entry | EntryRemoteIrr;
            Send(entry);
        }
    }

    private void Send(ulong entry)
    {
        var destination = (uint)(entry >> 56);
        var address = ApicBits.BaseDefaultAddress | (destination << 12) | ((entry & EntryLogical) != 0 ? 0x4u : 0);
        var isLevel = IsLevel(entry);
        _target.SendMsi(address, ((uint)entry & 0x7FF) | (isLevel ? ApicBits.TriggerLevel : 0) | ApicBits.LevelAssert);
    }
}
