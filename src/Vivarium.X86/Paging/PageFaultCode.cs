namespace Vivarium.X86;

/// <summary>Bits of the page-fault error code (Intel SDM Vol. 3A §4.7).</summary>
internal static class PageFaultCode
{
    public const uint Present = 1;
    public const uint Write = 2;
    public const uint User = 4;
    public const uint Reserved = 8;
    public const uint Fetch = 16;
    public const uint ProtectionKey = 32;
}
