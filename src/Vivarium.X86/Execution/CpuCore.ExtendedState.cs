namespace Vivarium.X86;

/// <content>What of the extended state the machine offers.</content>
internal sealed unsafe partial class CpuCore
{
    /// <summary>The bits that a guest may set in XCR0.</summary>
    internal ulong SupportedXcr0 { get; set; } = XsaveLayout.X87Bit | XsaveLayout.SseBit | XsaveLayout.PkruBit;
}
