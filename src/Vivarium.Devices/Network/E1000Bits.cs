namespace Vivarium.Devices;

/// <summary>Bits of the 82540EM's registers and descriptors (the manual's ch. 3 and 13).</summary>
internal static class E1000Bits
{
    public const uint ControlSetLinkUp = 1 << 6;
    public const uint ControlReset = 1 << 26;
    public const uint ControlVlanMode = 1 << 30;

    public const uint StatusFullDuplex = 1 << 0;
    public const uint StatusLinkUp = 1 << 1;
    public const uint StatusSpeed1000 = 2 << 6;

    public const uint CauseTransmitted = 1 << 0;
    public const uint CauseTransmitEmpty = 1 << 1;
    public const uint CauseLink = 1 << 2;
    public const uint CauseReceiveLow = 1 << 4;
    public const uint CauseOverrun = 1 << 6;
    public const uint CauseReceived = 1 << 7;
    public const uint CauseMdi = 1 << 9;

    public const uint ReceiveEnable = 1 << 1;
    public const uint ReceiveAllUnicast = 1 << 3;
    public const uint ReceiveAllMulticast = 1 << 4;
    public const uint ReceiveLong = 1 << 5;
    public const uint ReceiveBroadcast = 1 << 15;
    public const uint ReceiveVlanFilter = 1 << 18;
    public const uint ReceiveSizeExtended = 1 << 25;
    public const uint ReceiveStripsCheck = 1 << 26;
    public const uint TransmitEnable = 1 << 1;

    public const byte CommandEnd = 1 << 0;
    public const byte CommandSegment = 1 << 2;
    public const byte CommandChecksum = 1 << 2;
    public const byte CommandReport = 1 << 3;
    public const byte CommandExtended = 1 << 5;
    public const byte CommandVlan = 1 << 6;
    public const byte ContextTcp = 1 << 0;
    public const byte ContextIpv4 = 1 << 1;
    public const byte OptionIpChecksum = 1 << 0;
    public const byte OptionTransportChecksum = 1 << 1;

    public const byte DescriptorDone = 1 << 0;
    public const byte ReceivedEnd = 1 << 1;
    public const byte ReceivedIgnoreChecksum = 1 << 2;
    public const byte ReceivedVlan = 1 << 3;
    public const byte ReceivedTransportChecked = 1 << 5;
    public const byte ReceivedIpChecked = 1 << 6;
}
