namespace Vivarium.Measurements;

/// <summary>Every virtio device, a CD drive and the power button, with a Linux guest.</summary>
internal static class VirtioProof
{
    public static async Task<int> RunAsync(MeasurementOptions options)
    {
        var report = new Report("Devices in a Linux guest", options.MarkdownFile, "what", "must", "measured");
        var folder = Directory.CreateTempSubdirectory("vivarium-devices").FullName;
        try
        {
            var share = Directory.CreateDirectory(Path.Combine(folder, "share")).FullName;
            var channels = new ChannelCheck();
            await using var disk = await DiskCheck.CreateAsync(folder);
            await using var platform = new PlatformCheck();
            await using (var guest = await DeviceGuest.StartAsync(options, share, builder =>
            {
                disk.Configure(builder);
                channels.Configure(builder);
                platform.Configure(builder);
            }))
            {
                await disk.RunAsync(guest, share, report);
                await ShareCheck.RunAsync(guest, share, report);
                await channels.RunAsync(guest, report);
                await platform.RunAsync(guest, report);
                await BalloonCheck.RunAsync(guest, report);
            }

            await disk.CheckAsync(report);
            await SnapshotCheck.RunAsync(options, share, report);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }

        return report.Finish();
    }
}
