namespace Vivarium.Debugging;

/// <summary>Where a register of the description is found; its number goes with it.</summary>
internal enum RegisterKind
{
    General,
    InstructionPointer,
    Flags,
    Selector,
    Fpu,
    FpuControl,
    FpuStatus,
    FpuTags,
    FpuCodeSegment,
    FpuCodeOffset,
    FpuDataSegment,
    FpuDataOffset,
    FpuOpcode,
    Vector,
    VectorControl,
    UpperVector,
    SegmentBase,
    KernelGsBase,
    Control,
    ExtendedFeatures,
    ExtendedControl,
    Debug,
    GdtBase,
    GdtLimit,
    IdtBase,
    IdtLimit,
}
