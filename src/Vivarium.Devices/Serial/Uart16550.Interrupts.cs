namespace Vivarium.Devices;

public sealed partial class Uart16550
{
    /// <summary>The highest source that is pending and enabled, as IIR bits 3–0 code it (PC16550D table III).</summary>
    private byte PendingInterrupt
    {
        get
        {
            if ((_interruptEnable & UartBits.EnableLineStatus) != 0 && (_overrun | _receiver.HeadErrors) != 0)
            {
                return UartBits.IdentifyLineStatus;
            }

            if ((_interruptEnable & UartBits.EnableDataAvailable) != 0)
            {
                if (_receiver.Count >= _triggerLevel)
                {
                    return UartBits.IdentifyDataAvailable;
                }

                if (_timeoutPending)
                {
                    return UartBits.IdentifyTimeout;
                }
            }

            if ((_interruptEnable & UartBits.EnableTransmitterEmpty) != 0 && _transmitterEmptyPending)
            {
                return UartBits.IdentifyTransmitterEmpty;
            }

            return (_interruptEnable & UartBits.EnableModemStatus) != 0 && _modemDeltas != 0
                ? UartBits.IdentifyModemStatus
                : UartBits.IdentifyNone;
        }
    }

    private byte ReadInterruptIdentification()
    {
        var pending = PendingInterrupt;
        if (pending == UartBits.IdentifyTransmitterEmpty)
        {
            _transmitterEmptyPending = false;
            UpdateInterrupt();
        }

        return (byte)(pending | (_fifoEnabled ? UartBits.IdentifyFifo : 0));
    }

    private void UpdateInterrupt() => _irq.SetLevel(PendingInterrupt != UartBits.IdentifyNone);

    /// <summary>Starts the timeout that tells of characters below the trigger level which nobody reads.</summary>
    private void ArmTimeout()
    {
        if (_fifoEnabled && _receiver.Count > 0)
        {
            _timeoutTimer.Arm(_clock.NowNs + TimeoutCharacters * CharacterTimeNs());
        }
        else
        {
            _timeoutTimer.Disarm();
        }
    }

    private void OnTimeout()
    {
        // A character may have come or gone, and armed the timer anew, while this call was on its way.
        if (_timeoutTimer.DeadlineNs == long.MaxValue)
        {
            _timeoutPending = _fifoEnabled && _receiver.Count > 0;
            UpdateInterrupt();
        }
    }

    /// <summary>One character with its start, parity and stop bits at the programmed rate; a divisor of 0 counts as 65,536.</summary>
    private long CharacterTimeNs()
    {
        var bits = 1 + 5 + (_lineControl & UartBits.WordLengthMask)
            + ((_lineControl & UartBits.ParityEnable) != 0 ? 1 : 0)
            + ((_lineControl & UartBits.TwoStopBits) != 0 ? 2 : 1);
        var divisor = _divisor == 0 ? 65_536L : _divisor;
        return bits * divisor * 16 * 1_000_000_000 / OscillatorHz;
    }
}
