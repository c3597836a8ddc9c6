namespace Vivarium.Devices;

/// <summary>Register bits of the 16550A (PC16550D §8).</summary>
internal static class UartBits
{
    public const byte EnableDataAvailable = 0x01;
    public const byte EnableTransmitterEmpty = 0x02;
    public const byte EnableLineStatus = 0x04;
    public const byte EnableModemStatus = 0x08;
    public const byte InterruptEnableMask = 0x0F;

    public const byte IdentifyModemStatus = 0x00;
    public const byte IdentifyNone = 0x01;
    public const byte IdentifyTransmitterEmpty = 0x02;
    public const byte IdentifyDataAvailable = 0x04;
    public const byte IdentifyLineStatus = 0x06;
    public const byte IdentifyTimeout = 0x0C;
    public const byte IdentifyFifo = 0xC0;

    public const byte FifoEnable = 0x01;
    public const byte FifoClearReceiver = 0x02;

    public const byte WordLengthMask = 0x03;
    public const byte TwoStopBits = 0x04;
    public const byte ParityEnable = 0x08;
    public const byte DivisorLatchAccess = 0x80;

    public const byte DataTerminalReady = 0x01;
    public const byte RequestToSend = 0x02;
    public const byte Output1 = 0x04;
    public const byte Output2 = 0x08;
    public const byte Loopback = 0x10;
    public const byte ModemControlMask = 0x1F;

    public const byte DataReady = 0x01;
    public const byte OverrunError = 0x02;
    public const byte BreakInterrupt = 0x10;
    public const byte TransmitterEmpty = 0x60;
    public const byte ErrorInFifo = 0x80;

    public const byte TrailingEdgeRing = 0x04;
    public const byte ClearToSend = 0x10;
    public const byte DataSetReady = 0x20;
    public const byte RingIndicator = 0x40;
    public const byte CarrierDetect = 0x80;

    /// <summary>The receiver's trigger level that FCR bits 7–6 choose.</summary>
    public static int TriggerLevel(byte fifoControl) => (fifoControl >> 6) switch
    {
        0 => 1,
        1 => 4,
        2 => 8,
        _ => 14,
    };
}
