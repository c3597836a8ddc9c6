namespace Vivarium.Fuzzing.Tests;

/// <summary>The targets by their names. Each can be made with a bug in it, which its fuzzer must find.</summary>
internal static class FuzzTargets
{
    public static IReadOnlyDictionary<string, Func<bool, FuzzTarget>> All { get; } = new Dictionary<string, Func<bool, FuzzTarget>>
    {
        ["page-tables"] = isBroken => new PageTableTarget(isBroken),
        ["devices"] = isBroken => new DeviceTarget(isBroken),
        ["virtio"] = isBroken => new VirtioTarget(isBroken),
        ["nvme"] = isBroken => new NvmeTarget(isBroken),
        ["ahci"] = isBroken => new AhciTarget(isBroken),
        ["9p"] = isBroken => new ShareTarget(isBroken),
        ["frames"] = isBroken => new FrameTarget(isBroken),
        ["loaders"] = isBroken => new LoaderTarget(isBroken),
        ["snapshots"] = isBroken => new SnapshotTarget(isBroken),
        ["qcow2"] = isBroken => new Qcow2Target(isBroken),
        ["vhdx"] = isBroken => new VhdxTarget(isBroken),
        ["gdb"] = isBroken => new GdbTarget(isBroken),
    };
}
