using Vivarium.Storage;
using Vivarium.Virtio;

namespace Vivarium.Measurements;

/// <summary>
/// Thousands of random operations by a guest with two processors on three disks at once, by turns with qemu-io: each reads what the other wrote, to
/// the byte, and <c>qemu-img check</c> finds nothing.
/// </summary>
internal sealed class StormCheck(MeasurementOptions options, string folder, StorageOptions storage)
{
    private const long SizeBytes = 48 << 20;
    private const long BackingBytes = 31 << 20;
    private const int Workers = 4;
    private const int HostOperations = 200;
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(10);

    private readonly Random _random = new(storage.Seed);
    private readonly string _share = Directory.CreateDirectory(Path.Combine(folder, "storm-share")).FullName;

    private readonly (string What, string Path, DiskFormat Format)[] _disks =
    [
        ("qcow2 over a compressed backing file", Path.Combine(folder, "child.qcow2"), DiskFormat.Qcow2),
        ("qcow2 with clusters of 4 KiB", Path.Combine(folder, "small.qcow2"), DiskFormat.Qcow2),
        ("raw", Path.Combine(folder, "storm.raw"), DiskFormat.Raw),
    ];

    public async Task RunAsync(Report report)
    {
        CreateDisks();
        File.Copy(Repository.SourceFile("benchmarks/guest/disk-storm.pl"), Path.Combine(_share, "storm.pl"));
        var differences = new List<string>();
        for (var round = 0; round < storage.Rounds; round++)
        {
            for (var i = 0; i < _disks.Length; i++)
            {
                QemuTools.Io(_disks[i].Path, Name(_disks[i].Format), HostCommands());
                QemuTools.Img("convert", "-f", Name(_disks[i].Format), "-O", "raw", _disks[i].Path, Path.Combine(_share, $"model{i}"));
            }

            await RunGuestAsync(round);
            for (var i = 0; i < _disks.Length; i++)
            {
                Judge(i, differences);
            }
        }

        var operations = storage.Rounds * storage.Operations * Workers * _disks.Length;
        report.Add(differences.Count == 0, $"{operations} random operations of a guest on {_disks.Length} disks, {storage.Rounds * _disks.Length * HostOperations} of qemu-io",
            "each reads what the other wrote; check clean", differences.Count == 0 ? "so" : string.Join("; ", differences));
    }

    private static string Name(DiskFormat format) => format == DiskFormat.Raw ? "raw" : "qcow2";

    private void CreateDisks()
    {
        var source = Path.Combine(folder, "backing.raw");
        var content = new byte[BackingBytes];
        for (var at = 0; at < content.Length; at += 1 << 20)
        {
            // Compressible, and different everywhere.
            content.AsSpan(at, 1 << 19).Fill((byte)_random.Next(256));
            _random.NextBytes(content.AsSpan(at + (1 << 19), 1 << 16));
        }

        File.WriteAllBytes(source, content);
        var backing = Path.Combine(folder, "backing.qcow2");
        QemuTools.Img("convert", "-c", "-O", "qcow2", source, backing);
        var size = $"{SizeBytes}";
        QemuTools.Img("create", "-q", "-f", "qcow2", "-b", backing, "-F", "qcow2", _disks[0].Path, size);
        QemuTools.Img("create", "-q", "-f", "qcow2", "-o", "cluster_size=4k", _disks[1].Path, size);
        QemuTools.Img("create", "-q", "-f", "raw", _disks[2].Path, size);
    }

    private IEnumerable<string> HostCommands()
    {
        for (var i = 0; i < HostOperations; i++)
        {
            var length = 512L << _random.Next(10);
            var offset = 512 * _random.NextInt64((SizeBytes - length) / 512);
            yield return _random.Next(10) switch
            {
                < 6 => $"write -P {_random.Next(256)} {offset} {length}",
                < 8 => $"write -z {offset} {length}",
                _ => $"discard {offset} {length}",
            };
        }
    }

    private async Task RunGuestAsync(int round)
    {
        var backends = new List<IBlockBackend>();
        try
        {
            foreach (var (_, path, format) in _disks)
            {
                backends.Add(await DiskImage.OpenAsync(path, format, new DiskOptions { Backing = BackingPolicy.SameFolder }));
            }

            await using var guest = await DeviceGuest.StartAsync(options, _share, builder =>
            {
                builder.WithCpus(2);
                foreach (var backend in backends)
                {
                    builder.AddVirtioBlock(backend, new VirtioBlockOptions { QueueCount = 2 });
                }
            });
            await guest.MustAsync("mount -t 9p -o trans=virtio,version=9p2000.L,cache=none,msize=512000 host /mnt && cp /mnt/model* /mnt/storm.pl /tmp");

            // What qemu-io wrote, as QEMU converts it.
            await guest.MustAsync("cmp /dev/vda /tmp/model0 && cmp /dev/vdb /tmp/model1 && cmp /dev/vdc /tmp/model2");
            var seed = (storage.Seed + round) * _disks.Length;
            var storms = string.Join(' ', Enumerable.Range(0, _disks.Length).Select(i => $"perl /tmp/storm.pl /dev/vd{(char)('a' + i)} /tmp/model{i} {seed + i} {Workers} {storage.Operations} &"));
            var said = await guest.Text.RunAsync($"({storms} wait)", s_patience);
            if (said.Split("storm ").Length - 1 != _disks.Length || said.Contains("failed", StringComparison.Ordinal))
            {
                throw new MeasurementException($"The guest read something wrong, or failed: {said}");
            }

            await guest.MustAsync("echo 3 > /proc/sys/vm/drop_caches; cmp /dev/vda /tmp/model0 && cmp /dev/vdb /tmp/model1 && cmp /dev/vdc /tmp/model2");
            await guest.MustAsync("cp /tmp/model* /mnt && umount /mnt && sync");
        }
        finally
        {
            foreach (var backend in backends)
            {
                await backend.DisposeAsync();
            }
        }
    }

    private void Judge(int index, List<string> differences)
    {
        var (what, path, format) = _disks[index];
        var (isSame, text) = QemuTools.Compare(path, Name(format), Path.Combine(_share, $"model{index}"));
        if (!isSame)
        {
            differences.Add($"{what}: {text}");
        }

        if (format == DiskFormat.Qcow2 && QemuTools.Check(path) is { HasErrors: true } or { HasLeaks: true })
        {
            differences.Add($"{what}: {QemuTools.Check(path).Text}");
        }
    }
}
