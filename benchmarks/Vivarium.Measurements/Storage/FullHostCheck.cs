namespace Vivarium.Measurements;

/// <summary>
/// A host whose disk fills up under a qcow2 image, in a small file system of its own: the guest gets errors, goes on, keeps what it flushed, and
/// writes again once there is space.
/// </summary>
internal static class FullHostCheck
{
    private const string Place = "/mnt";
    private const string Direct = "oflag=direct conv=fsync bs=64k";

    /// <summary>The image in a file system of 24 MiB, 8 of which a file takes that goes when the tool's folder has a file "room".</summary>
    private const string Script =
        "mount -t tmpfs -o size=24m full /mnt && qemu-img create -q -f qcow2 /mnt/disk.qcow2 64M && head -c 8M /dev/zero > /mnt/filler || exit 9; "
        + "(while [ -d \"$0\" ] && [ ! -e \"$0/room\" ]; do sleep 0.1; done; rm -f /mnt/filler; touch \"$0/freed\") > /dev/null & "
        + "\"$@\"; code=$?; cp /mnt/disk.qcow2 \"$0\"; exit $code";

    public static async Task RunAsync(StorageOptions storage, string folder, Report report)
    {
        var work = Directory.CreateDirectory(Path.Combine(folder, "full")).FullName;
        string full, alive, again, kept;
        try
        {
            await using var guest = await ToolGuest.StartAsync(storage, Place + "/disk.qcow2,format=qcow2", "unshare", "-rm", "sh", "-c", Script, work);
            await guest.RunAsync($"dd if=/dev/urandom of=/tmp/a bs=64k count=64 iflag=fullblock 2>/dev/null; dd if=/tmp/a of=/dev/vda {Direct} 2>&1");
            full = await guest.RunAsync($"dd if=/dev/zero bs=64k count=640 2>/dev/null | tr '\\0' x | dd of=/dev/vda iflag=fullblock seek=128 {Direct} 2>&1; echo \"<$?>\"");
            kept = await guest.RunAsync("echo 3 > /proc/sys/vm/drop_caches; dd if=/dev/vda bs=64k count=64 2>/dev/null | cmp - /tmp/a; echo \"<$?>\"");
            alive = await guest.RunAsync("expr 6 \\* 7");
            await File.WriteAllTextAsync(Path.Combine(work, "room"), "");
            for (var left = 300; left > 0 && !File.Exists(Path.Combine(work, "freed")); left--)
            {
                await Task.Delay(100);
            }

            again = await guest.RunAsync($"dd if=/tmp/a of=/dev/vda seek=900 {Direct} 2>&1 && dd if=/dev/vda bs=64k skip=900 count=64 2>/dev/null | cmp - /tmp/a; echo \"<$?>\"");
            await guest.Text.SendAsync("poweroff -f\n");
            await guest.WaitForEndAsync();
        }
        finally
        {
            // Whatever happened, the script's watcher ends.
            await File.WriteAllTextAsync(Path.Combine(work, "room"), "");
        }

        report.Add(!full.EndsWith("<0>", StringComparison.Ordinal) && full.Contains("error", StringComparison.OrdinalIgnoreCase), "the host's disk fills up: what the guest sees", "an I/O error", LastLine(full));
        report.Add(alive == "42" && kept.EndsWith("<0>", StringComparison.Ordinal), "after it: the guest, and what it had flushed", "goes on; there", $"{(alive == "42" ? "goes on" : alive)}; {LastLine(kept)}");
        report.Add(again.EndsWith("<0>", StringComparison.Ordinal), "with room again: written and read", "<0>", LastLine(again));
        var (hasErrors, _, text) = QemuTools.Check(Path.Combine(work, "disk.qcow2"));
        report.Add(!hasErrors, "the image at the end, qemu-img check", "no error", text);
    }

    private static string LastLine(string text) => string.Join(" / ", text.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Where(line => !line.Contains("records", StringComparison.Ordinal)).TakeLast(2));
}
