using System.Diagnostics;
using System.Security.Cryptography;
using Vivarium.Bus;
using Vivarium.Storage;
using Vivarium.Virtio;

namespace Vivarium.Measurements;

/// <summary>A qcow2 disk that the guest writes and QEMU's tools read, and the other way round; live resize, discard, hot-plug.</summary>
internal sealed class DiskCheck : IAsyncDisposable
{
    private const int SizeMib = 64;
    private const int DataMib = 16;
    private const int PluggedSlot = 20;
    private const string Offset = "20";
    private readonly string _path;
    private readonly byte[] _data = RandomNumberGenerator.GetBytes(DataMib << 20);
    private readonly Qcow2Disk _disk;
    private readonly RamDisk _plugged = new(8 << 20);
    private VirtioBlock? _block;

    private DiskCheck(string path, Qcow2Disk disk)
    {
        _path = path;
        _disk = disk;
    }

    public static async Task<DiskCheck> CreateAsync(string folder)
    {
        var path = Path.Combine(folder, "disk.qcow2");
        await using (await Qcow2Disk.CreateAsync(path, (long)SizeMib << 20))
        {
        }

        // QEMU's pattern, which the guest looks for.
        QemuTools.Io(path, "qcow2", ["write -P 0x5a 48M 1M"]);
        return new DiskCheck(path, await Qcow2Disk.OpenAsync(path));
    }

    public void Configure(VirtualMachineBuilder builder) => builder
        .AddVirtioBlock(_disk, created: block => _block = block)
        .AddVirtio("virtio-blk", (_, services, name) => new VirtioBlock(services, name, _plugged), new PciAddress(PluggedSlot), PciSlotKind.Empty);

    public async Task RunAsync(DeviceGuest guest, string share, Report report)
    {
        await File.WriteAllBytesAsync(Path.Combine(share, "data"), _data);
        await guest.MustAsync("mount -t 9p -o trans=virtio,version=9p2000.L,cache=none,msize=512000 host /mnt");
        await guest.MustAsync($"dd if=/mnt/data of=/dev/vda bs=1M seek={Offset} conv=fsync 2>/dev/null");
        await guest.MustAsync($"dd if=/dev/vda bs=1M skip={Offset} count={DataMib} 2>/dev/null | cmp - /mnt/data");
        var pattern = await guest.MustAsync("dd if=/dev/vda bs=1M skip=48 count=1 2>/dev/null | tr -d Z | wc -c");
        report.Add(pattern == "0", "disk: the guest reads what qemu-io wrote", "the same", $"{pattern} bytes differ");
        await guest.MustAsync("umount /mnt && blkdiscard -o 50331648 -l 1048576 /dev/vda");
        var discarded = await guest.MustAsync("dd if=/dev/vda bs=1M skip=48 count=1 2>/dev/null | tr -d '\\0' | wc -c");
        report.Add(discarded == "0", "disk: discarded", "zeros", $"{discarded} bytes are not zero");
        await _block!.ResizeAsync((SizeMib + 8L) << 20);
        var sectors = await guest.MustAsync($"for i in $(seq 600); do [ $(cat /sys/block/vda/size) = {(SizeMib + 8) << 11} ] && break; sleep 0.1; done; cat /sys/block/vda/size");
        report.Add(sectors == $"{(SizeMib + 8) << 11}", "disk: live resize seen by the guest", $"{(SizeMib + 8) << 11} sectors", sectors);

        var watch = Stopwatch.StartNew();
        guest.Machine.PlugPciDevice(PluggedSlot);
        await guest.MustAsync("for i in $(seq 600); do [ -b /dev/vdb ] && break; sleep 0.1; done; echo plugged | dd of=/dev/vdb conv=fsync 2>/dev/null; head -c 7 /dev/vdb | grep -q plugged");
        report.Add(true, "disk: plugged while the guest runs, written and read", "there", $"{watch.Elapsed.TotalSeconds:F1} s");
        guest.Machine.UnplugPciDevice(PluggedSlot);
        var gone = await guest.RunAsync("for i in $(seq 600); do [ -b /dev/vdb ] || break; sleep 0.1; done; ls /dev/vdb");

        // The guest forgets the device first and ejects it then.
        for (var left = 600; left > 0 && guest.Machine.IsPciDevicePresent(PluggedSlot); left--)
        {
            await Task.Delay(100);
        }

        report.Add(gone.Contains("No such", StringComparison.Ordinal) && !guest.Machine.IsPciDevicePresent(PluggedSlot), "disk: unplugged again", "gone", gone.Trim());
        var entropy = await guest.MustAsync("head -c 4096 /dev/hwrng | sort -u | wc -c");
        report.Add(int.Parse(entropy) > 3000, "rng: 4 KiB of /dev/hwrng", "random", $"{entropy} bytes in different lines");
    }

    /// <summary>When the machine and the disk are closed: what QEMU's tools say of the image.</summary>
    public async Task CheckAsync(Report report)
    {
        await _disk.DisposeAsync();
        var raw = _path + ".raw";
        var check = QemuTools.Img("check", _path);
        QemuTools.Img("convert", "-O", "raw", _path, raw);
        var content = await File.ReadAllBytesAsync(raw);
        var expected = new byte[(SizeMib + 8) << 20];
        _data.CopyTo(expected, int.Parse(Offset) << 20);
        report.Add(content.AsSpan().SequenceEqual(expected) && check.Contains("No errors", StringComparison.Ordinal), "disk: qemu-img check, and all bytes as qemu-img converts them", "as the guest wrote", check.Split('\n')[0]);
    }

    public async ValueTask DisposeAsync()
    {
        await _disk.DisposeAsync();
        await _plugged.DisposeAsync();
    }
}
