namespace Vivarium.Devices;

public sealed partial class Pic8259
{
    private void WriteIcw1(byte data)
    {
        // ICW1 clears the mask, the service register and the edge sense: a pin that is high must fall and rise to be seen again.
        _needsIcw4 = (data & 0x01) != 0;
        _single = (data & 0x02) != 0;
        _levelTriggered = (data & 0x08) != 0;
        _requests = 0;
        _mask = 0;
        _inService = 0;
        _lowestPriority = 7;
        _autoEoi = false;
        _rotateOnAutoEoi = false;
        _specialMask = false;
        _specialFullyNested = false;
        _readInService = false;
        _poll = false;
        _step = InitializationStep.Icw2;
        FollowLevels();
    }

    private void WriteDataPort(byte data)
    {
        switch (_step)
        {
            case InitializationStep.Icw2:
                _vectorBase = (byte)(data & 0xF8);
                _step = !_single ? InitializationStep.Icw3 : StepAfterIcw3;
                break;
            case InitializationStep.Icw3:
                // Which pin the other chip hangs on is soldered on a PC.
                _step = StepAfterIcw3;
                break;
            case InitializationStep.Icw4:
                _specialFullyNested = (data & 0x10) != 0;
                _autoEoi = (data & 0x02) != 0;
                _step = InitializationStep.Ready;
                break;
            default:
                _mask = data;
                break;
        }
    }

    private InitializationStep StepAfterIcw3 => _needsIcw4 ? InitializationStep.Icw4 : InitializationStep.Ready;

    private void WriteOcw2(byte data)
    {
        var pin = data & 7;
        switch (data >> 5)
        {
            case 0:
                _rotateOnAutoEoi = false;
                break;
            case 1:
                EndOfInterrupt(rotate: false);
                break;
            case 3:
                _inService &= (byte)~(1 << pin);
                break;
            case 4:
                _rotateOnAutoEoi = true;
                break;
            case 5:
                EndOfInterrupt(rotate: true);
                break;
            case 6:
                _lowestPriority = pin;
                break;
            case 7:
                _inService &= (byte)~(1 << pin);
                _lowestPriority = pin;
                break;
            default:
                // 2 is "no operation".
                break;
        }
    }

    /// <summary>The non-specific EOI. In special mask mode it passes over masked pins.</summary>
    private void EndOfInterrupt(bool rotate)
    {
        var rank = Rank((byte)(_inService & (_specialMask ? ~_mask : 0xFF)));
        if (rank < 8)
        {
            var pin = PinOfRank(rank);
            _inService &= (byte)~(1 << pin);
            _lowestPriority = rotate ? pin : _lowestPriority;
        }
    }

    private void WriteOcw3(byte data)
    {
        _poll = (data & 0x04) != 0;
        if ((data & 0x02) != 0)
        {
            _readInService = (data & 0x01) != 0;
        }

        if ((data & 0x40) != 0)
        {
            _specialMask = (data & 0x20) != 0;
        }
    }
}
