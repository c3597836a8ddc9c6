namespace Vivarium.Measurements;

/// <summary>Every virtio device, driven by a Linux guest.</summary>
internal static class VirtioProof
{
    public static async Task<int> RunAsync(MeasurementOptions options)
    {
        var report = new Report("Virtio devices in a Linux guest", options.MarkdownFile, "what", "must", "measured");
        var folder = Directory.CreateTempSubdirectory("vivarium-devices").FullName;
        try
        {
            var share = Directory.CreateDirectory(Path.Combine(folder, "share")).FullName;
            await using var guest = await DeviceGuest.StartAsync(options, share, _ => { });
            await BalloonCheck.RunAsync(guest, report);
            await ShareCheck.RunAsync(guest, share, report);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }

        return report.Finish();
    }
}
