using System.Numerics;

namespace Vivarium.Devices;

/// <summary>
/// One 8259A interrupt controller (Intel 8259A data sheet, 1988) with the edge/level control of the PC chipsets. An edge stays
/// requested until it is acknowledged, as chipsets and emulators do it. Use it through <see cref="Pic8259Pair"/>.
/// </summary>
public sealed partial class Pic8259 : IPortDevice
{
    private readonly int _cascadePin;
    private readonly byte _levelSelectable;
    private readonly Action _outputChanged;
    private byte _requests;
    private byte _levels;
    private byte _mask;
    private byte _inService;
    private byte _edgeLevelControl;
    private byte _vectorBase;
    private int _lowestPriority;
    private InitializationStep _step;
    private bool _needsIcw4;
    private bool _single;
    private bool _levelTriggered;
    private bool _autoEoi;
    private bool _rotateOnAutoEoi;
    private bool _specialMask;
    private bool _specialFullyNested;
    private bool _readInService;
    private bool _poll;

    /// <summary>Creates a chip.</summary>
    /// <param name="cascadePin">The pin on which another 8259 hangs; −1 for none.</param>
    /// <param name="levelSelectable">The pins whose trigger mode ELCR may change.</param>
    /// <param name="outputChanged">Called after anything that may have changed <see cref="Output"/>.</param>
    internal Pic8259(int cascadePin, byte levelSelectable, Action outputChanged)
    {
        _cascadePin = cascadePin;
        _levelSelectable = levelSelectable;
        _outputChanged = outputChanged;
        ResetRegisters();
    }

    private enum InitializationStep
    {
        Ready,
        Icw2,
        Icw3,
        Icw4,
    }

    /// <summary>The INT pin.</summary>
    internal bool Output => HighestDeliverable() >= 0;

    /// <summary>The edge/level control register, ports 0x4D0 and 0x4D1: a set bit makes the pin level-triggered.</summary>
    internal byte EdgeLevelControl
    {
        get => _edgeLevelControl;
        set
        {
            _edgeLevelControl = (byte)(value & _levelSelectable);
            FollowLevels();
            _outputChanged();
        }
    }

    private byte LevelPins => (byte)(_levelTriggered ? 0xFF : _edgeLevelControl | (_cascadePin >= 0 ? 1 << _cascadePin : 0));

    /// <inheritdoc/>
    public IoResult ReadPort(ushort offset, int sizeBytes, out uint value)
    {
        value = 0;
        if (sizeBytes != 1)
        {
            return IoResult.BadSize;
        }

        if (offset > 1)
        {
            return IoResult.NoRegister;
        }

        value = _poll ? Poll() : offset == 1 ? _mask : _readInService ? _inService : _requests;
        return IoResult.Ok;
    }

    /// <inheritdoc/>
    public IoResult WritePort(ushort offset, int sizeBytes, uint value)
    {
        if (sizeBytes != 1)
        {
            return IoResult.BadSize;
        }

        if (offset > 1)
        {
            return IoResult.NoRegister;
        }

        var data = (byte)value;
        if (offset == 1)
        {
            WriteDataPort(data);
        }
        else if ((data & 0x10) != 0)
        {
            WriteIcw1(data);
        }
        else if ((data & 0x08) != 0)
        {
            WriteOcw3(data);
        }
        else
        {
            WriteOcw2(data);
        }

        _outputChanged();
        return IoResult.Ok;
    }

    /// <summary>Sets the level on a pin, 0 to 7.</summary>
    internal void SetPin(int pin, bool level)
    {
        var bit = (byte)(1 << pin);
        if (level)
        {
            _requests |= (byte)((_levels & bit) == 0 || (LevelPins & bit) != 0 ? bit : 0);
            _levels |= bit;
        }
        else
        {
            _levels &= (byte)~bit;
            _requests &= (byte)~(bit & LevelPins);
        }

        _outputChanged();
    }

    /// <summary>
    /// The acknowledge cycle: takes the most urgent request into service and returns its pin; 7, the spurious one, if there is none.
    /// </summary>
    internal int AcknowledgePin()
    {
        var pin = HighestDeliverable();
        if (pin < 0)
        {
            return 7;
        }

        TakeIntoService(pin);
        return pin;
    }

    /// <summary>The interrupt vector of a pin.</summary>
    internal int VectorOf(int pin) => _vectorBase | pin;

    private byte Poll()
    {
        _poll = false;
        var pin = HighestDeliverable();
        if (pin < 0)
        {
            return 0;
        }

        TakeIntoService(pin);
        _outputChanged();
        return (byte)(0x80 | pin);
    }

    private void TakeIntoService(int pin)
    {
        var bit = (byte)(1 << pin);
        if (_autoEoi)
        {
            _lowestPriority = _rotateOnAutoEoi ? pin : _lowestPriority;
        }
        else
        {
            _inService |= bit;
        }

        _requests &= (byte)~(bit & ~LevelPins);
    }

    /// <summary>The pin whose request is more urgent than everything in service; −1 if there is none.</summary>
    private int HighestDeliverable()
    {
        var pending = (byte)(_requests & ~_mask);
        if (pending == 0 || _step != InitializationStep.Ready)
        {
            return -1;
        }

        // In special mask mode a masked pin in service blocks nobody; in special fully nested mode the slave does not block itself.
        var blocking = _inService;
        blocking &= (byte)(_specialMask ? ~_mask : 0xFF);
        blocking &= (byte)(_specialFullyNested && _cascadePin >= 0 ? ~(1 << _cascadePin) : 0xFF);
        var rank = Rank(pending);
        return rank < Rank(blocking) ? PinOfRank(rank) : -1;
    }

    /// <summary>How urgent the most urgent pin of a set is: 0 is the most, 8 stands for the empty set.</summary>
    private int Rank(byte pins)
    {
        var rotated = (pins | (pins << 8)) >> (_lowestPriority + 1);
        return BitOperations.TrailingZeroCount((rotated & 0xFF) | 0x100);
    }

    private int PinOfRank(int rank) => (rank + _lowestPriority + 1) & 7;

    private void FollowLevels() => _requests = (byte)((_requests & ~LevelPins) | (_levels & LevelPins));
}
