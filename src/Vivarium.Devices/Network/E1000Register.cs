namespace Vivarium.Devices;

/// <summary>Registers of the 82540EM by offset (Intel "PCI/PCI-X Family of Gigabit Ethernet Controllers Software Developer's Manual", ch. 13).</summary>
internal static class E1000Register
{
    public const int Control = 0x0000;
    public const int Status = 0x0008;
    public const int EepromControl = 0x0010;
    public const int EepromRead = 0x0014;
    public const int MdiControl = 0x0020;
    public const int VlanEtherType = 0x0038;
    public const int InterruptCause = 0x00C0;
    public const int InterruptCauseSet = 0x00C8;
    public const int InterruptMask = 0x00D0;
    public const int InterruptMaskClear = 0x00D8;
    public const int ReceiveControl = 0x0100;
    public const int TransmitControl = 0x0400;
    public const int PacketBuffer = 0x1000;
    public const int ReceiveBaseLow = 0x2800;
    public const int ReceiveBaseHigh = 0x2804;
    public const int ReceiveLength = 0x2808;
    public const int ReceiveHead = 0x2810;
    public const int ReceiveTail = 0x2818;
    public const int TransmitBaseLow = 0x3800;
    public const int TransmitBaseHigh = 0x3804;
    public const int TransmitLength = 0x3808;
    public const int TransmitHead = 0x3810;
    public const int TransmitTail = 0x3818;
    public const int StatisticsStart = 0x4000;
    public const int MissedPackets = 0x4010;
    public const int GoodPacketsReceived = 0x4074;
    public const int GoodPacketsTransmitted = 0x4080;
    public const int TotalPacketsReceived = 0x40D0;
    public const int TotalPacketsTransmitted = 0x40D4;
    public const int StatisticsEnd = 0x4100;
    public const int MulticastTable = 0x5200;
    public const int ReceiveAddress = 0x5400;
    public const int VlanTable = 0x5600;

    /// <summary>Behind the last register that is kept.</summary>
    public const int End = 0x6000;
}
