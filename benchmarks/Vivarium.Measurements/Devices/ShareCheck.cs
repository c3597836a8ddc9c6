using System.Diagnostics;
using System.Security.Cryptography;

namespace Vivarium.Measurements;

/// <summary>A host folder in the guest: files go both ways, a tree is made and moved, and nothing leads out.</summary>
internal static class ShareCheck
{
    private const int LargeMib = 64;

    public static async Task RunAsync(DeviceGuest guest, string folder, Report report)
    {
        var data = RandomNumberGenerator.GetBytes(LargeMib << 20);
        await File.WriteAllBytesAsync(Path.Combine(folder, "large"), data);
        var hash = Convert.ToHexStringLower(SHA256.HashData(data));
        await guest.MustAsync("mount -t 9p -o trans=virtio,version=9p2000.L,cache=none,msize=512000 host /mnt");
        var watch = Stopwatch.StartNew();
        await guest.MustAsync("cat /mnt/large > /tmp/large");
        var reading = watch.Elapsed;
        var isSame = (await guest.MustAsync("sha256sum < /tmp/large")).StartsWith(hash, StringComparison.Ordinal);
        watch.Restart();
        await guest.MustAsync("dd if=/tmp/large of=/mnt/back bs=256k 2>/dev/null && rm /tmp/large");
        var writing = watch.Elapsed;
        var back = await File.ReadAllBytesAsync(Path.Combine(folder, "back"));
        isSame &= data.SequenceEqual(back);
        report.Add(isSame, "share: a file to the guest and back", "the same", $"{LargeMib / reading.TotalSeconds:F0} MiB/s read, {LargeMib / writing.TotalSeconds:F0} MiB/s written");

        // As a version control does: many small files, renames over others, links, appends, removal of a tree.
        watch.Restart();
        await guest.MustAsync(
            "mkdir -p /mnt/tree/objects && cd /mnt/tree && for i in $(seq 200); do d=objects/$((i % 16)); mkdir -p $d; echo content $i > $d/tmp$i && chmod 444 $d/tmp$i && ln $d/tmp$i $d/link$i && mv $d/tmp$i $d/o$i; done; cd /");
        var files = Directory.GetFiles(Path.Combine(folder, "tree", "objects"), "*", SearchOption.AllDirectories);
        await guest.MustAsync("(cd /mnt/tree && find . -type f | sort | xargs cat | sha256sum > /mnt/sum; ln -s o /mnt/tree/sym; echo more >> /mnt/tree/log; echo more >> /mnt/tree/log; truncate -s 3 /mnt/tree/log; sync)");
        using var all = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var file in files.Append(Path.Combine(folder, "tree", "log")).Where(File.Exists).Where(file => !file.EndsWith("log", StringComparison.Ordinal)).Order(StringComparer.Ordinal))
        {
            var content = await File.ReadAllBytesAsync(file);
            all.AppendData(content);
        }

        var isTree = files.Length == 400 && File.ReadAllText(Path.Combine(folder, "sum")).StartsWith(Convert.ToHexStringLower(all.GetHashAndReset()), StringComparison.Ordinal)
            && File.ReadAllText(Path.Combine(folder, "tree", "log")) == "mor";
        await guest.MustAsync("rm -rf /mnt/tree && ! ls /mnt/tree 2>/dev/null");
        report.Add(isTree && !Directory.Exists(Path.Combine(folder, "tree")), "share: 200 files made, linked, renamed, summed and removed", "as the host sees them", $"{watch.Elapsed.TotalSeconds:F1} s");

        File.WriteAllText(folder + ".outside", "secret");
        File.CreateSymbolicLink(Path.Combine(folder, "out"), folder + ".outside");
        var escapes = await guest.RunAsync("cat /mnt/out; echo x > /mnt/out; cat /mnt/../../mnt/../etc/shadow; mknod /mnt/node c 1 3; echo done");
        var isInside = !escapes.Contains("secret", StringComparison.Ordinal) && File.ReadAllText(folder + ".outside") == "secret" && !File.Exists(Path.Combine(folder, "node"));
        File.Delete(folder + ".outside");
        report.Add(isInside, "share: a symbolic link out of the folder, a device node", "lead nowhere", "refused");
        await guest.MustAsync("umount /mnt");
    }
}
