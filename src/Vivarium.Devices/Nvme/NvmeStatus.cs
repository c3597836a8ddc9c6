namespace Vivarium.Devices;

/// <summary>Status of a completion: type in bits 10:8, code in 7:0, and "do not retry" in bit 14 (NVMe 1.4 §4.6.1).</summary>
internal static class NvmeStatus
{
    public const ushort Success = 0x0000;
    public const ushort InvalidOpcode = 0x4001;
    public const ushort InvalidField = 0x4002;
    public const ushort DataTransferError = 0x0004;
    public const ushort AbortedBySqDeletion = 0x0008;
    public const ushort InvalidNamespace = 0x400B;
    public const ushort InvalidPrpOffset = 0x4013;
    public const ushort LbaOutOfRange = 0x4080;
    public const ushort CapacityExceeded = 0x4081;
    public const ushort InvalidCompletionQueue = 0x4100;
    public const ushort InvalidQueueId = 0x4101;
    public const ushort InvalidQueueSize = 0x4102;
    public const ushort AsyncEventLimit = 0x4105;
    public const ushort InvalidVector = 0x4108;
    public const ushort InvalidLogPage = 0x4109;
    public const ushort InvalidQueueDeletion = 0x410C;
    public const ushort FeatureNotSaveable = 0x410D;
    public const ushort WriteToReadOnly = 0x4182;
    public const ushort WriteFault = 0x0280;
    public const ushort UnrecoveredRead = 0x0281;
}
