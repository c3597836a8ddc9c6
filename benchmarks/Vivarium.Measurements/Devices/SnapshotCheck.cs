using Vivarium.Storage;

namespace Vivarium.Measurements;

/// <summary>
/// A snapshot while the guest writes its disk: the guest goes on in another machine, with another overlay, and finds on the disk what it remembers.
/// </summary>
internal static class SnapshotCheck
{
    private const int SizeBytes = 32 << 20;
    private const int Blocks = 300;

    /// <summary>Each block is random, its sum is kept in memory; some are written twice.</summary>
    private static readonly string s_writer =
        $"i=0; while [ $i -lt {Blocks} ]; do n=$((i * 7 % 256)); head -c 65536 /dev/urandom > /tmp/b; dd if=/tmp/b of=/dev/vda bs=64k seek=$n conv=fsync 2>/dev/null; md5sum < /tmp/b > /tmp/sum$n; i=$((i + 1)); [ $i = 60 ] && echo half-\"way\"; done; "
        + "echo 3 > /proc/sys/vm/drop_caches; for n in $(seq 0 255); do [ -e /tmp/sum$n ] || continue; dd if=/dev/vda bs=64k skip=$n count=1 2>/dev/null | md5sum | cmp -s - /tmp/sum$n || echo wrong-\"block\" $n; done; echo veri\"fied\"";

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(120);

    public static async Task RunAsync(MeasurementOptions options, string share, Report report)
    {
        var lower = new RamDisk(SizeBytes);
        using var snapshot = new MemoryStream();
        await using (var disk = new OverlayDisk(lower))
        {
            await using var guest = await DeviceGuest.StartAsync(options, share, builder => builder.AddVirtioBlock(disk));
            await guest.Text.SendAsync(s_writer + "\n");
            await guest.Text.WaitForAsync("half-way", s_patience);
            await guest.Machine.SaveAsync(snapshot);

            // It goes on, and its disk with it.
            await guest.Text.WaitForAsync("verified", s_patience);
        }

        snapshot.Position = 0;
        await using var other = new OverlayDisk(lower);
        await using var restored = await DeviceGuest.RestoreAsync(options, share, builder => builder.AddVirtioBlock(other), snapshot);
        var said = await restored.Text.WaitForAsync("verified", s_patience);
        report.Add(!said.Contains("wrong-block", StringComparison.Ordinal), "snapshot while the disk is written, restored in another machine", "every block verified", $"{Blocks} blocks; {snapshot.Length >> 20} MiB");
    }
}
