namespace Vivarium.Storage.Tests;

/// <summary>What this library writes, QEMU reads, and the other way round; after each sequence the image checks clean.</summary>
public sealed class Qcow2OracleTests
{
    public static TheoryData<int, int, int> Layouts => new()
    {
        { 512, 16, 3 }, { 512, 64, 3 }, { 512, 1, 3 }, { 1024, 2, 3 }, { 2048, 4, 3 }, { 4096, 8, 3 }, { 4096, 16, 2 },
        { 16384, 32, 3 }, { 65536, 16, 3 }, { 65536, 16, 2 }, { 131072, 1, 3 }, { 262144, 64, 3 }, { 1 << 20, 16, 3 }, { 2 << 20, 16, 3 },
    };

    [Theory]
    [MemberData(nameof(Layouts))]
    public async Task Ours_is_read_by_qemu(int clusterBytes, int refcountBits, int version)
    {
        Qemu.Require();
        using var folder = new TestFolder();
        var random = new Random(clusterBytes + refcountBits);
        var path = folder["disk.qcow2"];
        var size = Math.Clamp(clusterBytes * 200, 300_032, 12 << 20) + 512;
        var model = new DiskModel(await Qcow2Disk.CreateAsync(path, size, new Qcow2CreateOptions { ClusterBytes = clusterBytes, RefcountBits = refcountBits, Version = version }), new byte[size], random);
        Qemu.AssertClean(path);
        for (var round = 0; round < 3; round++)
        {
            for (var i = 0; i < 100; i++)
            {
                await model.StepAsync(Math.Min(clusterBytes * 5, 1 << 20));
            }

            await model.AssertReadsAllAsync();
            await model.Disk.DisposeAsync();
            Qemu.AssertClean(path);
            Assert.True(model.Bytes.AsSpan().SequenceEqual(Qemu.ReadAll(path, "qcow2")));
            model.Disk = await Qcow2Disk.OpenAsync(path, new DiskOptions { BlocksCaller = round == 1, MetadataCacheBytes = 64 << 10 });
        }

        await model.Disk.DisposeAsync();
    }
}
