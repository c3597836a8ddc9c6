namespace Vivarium.X86;

/// <summary>Numbers of model-specific registers (Intel SDM Vol. 4).</summary>
internal static class MsrIndex
{
    public const uint Tsc = 0x10;
    public const uint PlatformId = 0x17;
    public const uint FeatureControl = 0x3A;
    public const uint TscAdjust = 0x3B;
    public const uint SpecCtrl = 0x48;
    public const uint PredCmd = 0x49;
    public const uint BiosSignId = 0x8B;
    public const uint MtrrCap = 0xFE;
    public const uint ArchCapabilities = 0x10A;
    public const uint SysenterCs = 0x174;
    public const uint SysenterEsp = 0x175;
    public const uint SysenterEip = 0x176;
    public const uint McgCap = 0x179;
    public const uint McgStatus = 0x17A;
    public const uint MiscEnable = 0x1A0;
    public const uint DebugCtl = 0x1D9;
    public const uint MtrrPhysBase0 = 0x200;
    public const uint MtrrFix64K = 0x250;
    public const uint MtrrFix16K0 = 0x258;
    public const uint MtrrFix16K1 = 0x259;
    public const uint MtrrFix4K0 = 0x268;
    public const uint Pat = 0x277;
    public const uint MtrrDefType = 0x2FF;
    public const uint Efer = 0xC0000080;
    public const uint Star = 0xC0000081;
    public const uint Lstar = 0xC0000082;
    public const uint Cstar = 0xC0000083;
    public const uint Sfmask = 0xC0000084;
    public const uint FsBase = 0xC0000100;
    public const uint GsBase = 0xC0000101;
    public const uint KernelGsBase = 0xC0000102;
    public const uint TscAux = 0xC0000103;
}
