namespace Vivarium.Devices;

public sealed partial class LocalApic
{
    /// <summary>Takes one message. Any thread.</summary>
    internal void Deliver(ApicDeliveryMode mode, byte vector, bool isLevelTriggered)
    {
        if (!IsGloballyEnabled && mode is not (ApicDeliveryMode.Init or ApicDeliveryMode.Startup))
        {
            return;
        }

        switch (mode)
        {
            case ApicDeliveryMode.Fixed or ApicDeliveryMode.LowestPriority:
                Accept(vector, isLevelTriggered);
                break;
            case ApicDeliveryMode.Nmi:
                _signals?.SignalNmi();
                break;
            case ApicDeliveryMode.Init:
                _signals?.SignalInit();
                break;
            case ApicDeliveryMode.Startup:
                _signals?.SignalStartup(vector);
                break;
            case ApicDeliveryMode.ExtInt:
                Volatile.Write(ref _externalLatched, true);
                _signals?.SignalInterrupt();
                break;
            default:
                // There is no system management mode, so SMI has no effect.
                break;
        }
    }

    /// <summary>Whether a message to <paramref name="destination"/> is for this APIC (Intel SDM Vol. 3A §11.6.2). Any thread.</summary>
    /// <param name="destination">The destination field, 8 or 32 bits.</param>
    /// <param name="isLogical">Logical rather than physical destination mode.</param>
    internal bool Matches(uint destination, bool isLogical)
    {
        if (IsX2Apic)
        {
            return !isLogical
                ? destination == ApicId
                : destination >> 16 == ApicId >> 4 && (destination & X2ApicLogicalId & 0xFFFF) != 0;
        }

        if (!isLogical)
        {
            return destination == (ApicId & 0xFF) && ApicId < ApicBits.Broadcast8;
        }

        var logical = Volatile.Read(ref _logicalDestination) >> 24;
        if (Volatile.Read(ref _destinationFormat) >> 28 == 0xF)
        {
            return (destination & logical & 0xFF) != 0;
        }

        return (destination >> 4 & 0xF) == logical >> 4 && (destination & logical & 0xF) != 0;
    }

    /// <summary>The processor tried to send a vector below 16.</summary>
    internal void ReportIllegalVector() => RecordError(ApicBits.ErrorSendIllegalVector);

    /// <summary>Makes a fixed interrupt pending. Any thread.</summary>
    private void Accept(byte vector, bool isLevelTriggered)
    {
        if (!IsSoftwareEnabled)
        {
            return;
        }

        if (vector < ApicBits.FirstLegalVector)
        {
            RecordError(ApicBits.ErrorReceivedIllegalVector);
            return;
        }

        _triggerModes.Set(vector, isLevelTriggered);
        _requests.Add(vector);
        _signals?.SignalInterrupt();
    }

    /// <summary>Records an error and raises the error interrupt. Any thread.</summary>
    private void RecordError(uint error)
    {
        if ((Interlocked.Or(ref _errors, error) & error) == 0)
        {
            RaiseLocal(LvtError);
        }
    }
}
